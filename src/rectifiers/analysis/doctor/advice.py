"""Findings of the doctor, and the swaps that it advises, as a line of Python and as a command."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["problem", "notice"]


@dataclass(frozen=True)
class Command:
    """How the command line names the model of a diagnosis.

    Args:
        model: `package.module:factory`.
        inputs: shape of each input.
        weights: path of a file with its weights; empty for none.
    """

    model: str
    inputs: tuple[tuple[int, ...], ...]
    weights: str = ""


@dataclass(frozen=True)
class SwapAdvice:
    """A swap that addresses a finding.

    Args:
        to: the activation to put in.
        where: names of sites; empty for all.
        from_: kinds to replace; empty for ReLUs.
        arguments: further arguments of `swap`, by name.
        positions: the same sites by position among the sites of these kinds; a command needs them for sites whose name
            is a number.
        command: how the command line names the model; None if it does not.
    """

    to: str
    where: tuple[str, ...] = ()
    from_: str = ""
    arguments: tuple[tuple[str, Any], ...] = ()
    positions: tuple[int, ...] = ()
    command: Command | None = field(default=None, compare=False)

    def python(self) -> str:
        """Return the line of Python that carries it out; `example` in it is a batch of inputs.

        Example:
            >>> SwapAdvice("prelu", where=("conv1",)).python()
            "rectifiers.surgery.swap(model, 'prelu', where=['conv1'], example=example)"
        """
        parts = [f"model, {self.to!r}"]
        parts += [f"where={list(self.where)!r}"] if self.where else []
        parts += [f"from_={self.from_!r}"] if self.from_ else []
        parts += [f"{name}={value!r}" for name, value in self.arguments]
        return f"rectifiers.surgery.swap({', '.join(parts)}, example=example)"

    def shell(self) -> str:
        """Return the command that carries it out; empty if the command line does not name the model."""
        if self.command is None:
            return ""
        words: list[str] = ["rectifiers", "swap", self.command.model, "--to", self.to]
        if self.where:
            numeric = any(name.isdigit() for name in self.where)
            words += ["--where", ",".join(map(str, self.positions if numeric else self.where))]
        words += ["--from", self.from_] if self.from_ else []
        for name, value in self.arguments:
            if name == "start":
                words += ["--start", str(value)]
                continue
            words += ["--set", f"{name}={str(value).lower() if isinstance(value, bool) else value}"]
        for shape in self.command.inputs:
            words += ["--input", ",".join(map(str, shape))]
        words += ["--weights", self.command.weights] if self.command.weights else []
        return shlex.join([*words, "--save", "swapped"])


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a model's activations.

    Args:
        severity: `problem`, or `notice` for what may be intended.
        what: what is wrong, in plain words.
        sites: names of the sites where it is.
        advice: what to do about it, in plain words.
        swap: a swap that does it, if there is one.
    """

    severity: Severity
    what: str
    sites: tuple[str, ...]
    advice: str
    swap: SwapAdvice | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain data for JSON."""
        return {
            "severity": self.severity,
            "what": self.what,
            "sites": list(self.sites),
            "advice": self.advice,
            "python": self.swap.python() if self.swap else None,
            "command": self.swap.shell() or None if self.swap else None,
        }

    def __str__(self) -> str:
        """Say what is wrong and what to do, in plain words."""
        lines = [f"{self.severity}: {self.what}", f"  {self.advice}"]
        if self.swap is not None:
            lines += [f"    {line}" for line in (self.swap.python(), self.swap.shell()) if line]
        return "\n".join(lines)
