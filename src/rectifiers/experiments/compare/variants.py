"""Variants: what is done to the user's model before it is trained, as text and as values.

The text of a variant is `NAME:KEY=VALUE@WHERE`: an activation, options, and the sites. Options and sites may be left
out; several swaps are joined by `+`. Options are those of the activation and of `rectifiers.swap`, such as
`start=was`, `share=channel` or `halve=true`, and `activation_lr=0.01` or `freeze=weights`, which concern training.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from ... import activations, surgery
from ...core.errors import ConfigError, UnknownNameError
from ...core.factory import story
from ...core.wording import listing
from ...surgery.edits.fold import CONVOLUTIONS
from ...surgery.planning.makers import is_module_class, read_activation
from ...training.trained import Trained
from ...watching.example import Example
from ...watching.kinds import plain_kind
from .references import refer, resolve, title
from .swap import Swap as Swap
from .swap import Value

AS_IT_IS = "as it is"
"""Label of the model to which nothing was done."""

FREEZE: Mapping[str, Trained] = {"weights": "activations", "weights-except-norm": "activations and norms"}
"""The words of `rectifiers.swap` for what a training leaves alone, and those of a trial for what it trains."""

OF_A_SWAP = ("cap", "share_calls", "halve", "compensate")
"""Options that go to the swap; others go to the activation."""

_SWAP = re.compile(r"([A-Za-z_][\w.-]*)((?::[A-Za-z_]\w*=[^:@+]+)*)(?:@(/[^/]+/|[^+@]+))?")


@dataclass(frozen=True)
class Variant:
    """One row of a comparison: a model with other activations, or changed in another way.

    Args:
        label: names it in tables.
        swaps: what is put in, one after the other.
        change: name of a function of the user's that changes the model instead; see `references`.
        activation_lr: learning rate of the activations' parameters in the built-in loop; None takes that of the
            weights.
        lr: learning rate; None takes that of the others.
        trained: what is trained.
        control: whether it is there to be compared with, and cannot be recommended.
        epochs: passes over the training data in the built-in loop; None takes as many as the others.
    """

    label: str
    swaps: tuple[Swap, ...] = ()
    change: str = ""
    activation_lr: float | None = None
    lr: float | None = None
    trained: Trained = "all"
    control: bool = False
    epochs: int | None = None

    def apply(self, model: nn.Module, example: Example) -> nn.Module:
        """Change a model as the variant says, in place where it can.

        Raises:
            RectifiersError: the model has no such site, or the activation cannot be put in.
        """
        for swap in self.swaps:
            model = surgery.swap(model, swap.to, example=example, **swap.arguments).model
        if not self.change:
            return model
        name = self.label or title(self.change)
        try:
            changed = resolve(self.change)(model)
        except (Exception, SystemExit) as error:
            raise ConfigError(f"variant {name} failed: {story(error)}") from error
        if not isinstance(changed, nn.Module):
            raise ConfigError(f"variant {name} returned {type(changed).__name__}; return the changed model from it")
        return changed

    def code(self, model: str, example: str) -> str:
        """The lines that make the variant of a model.

        Args:
            model: the name that holds it.
            example: the code of an example.
        """
        lines = ["import rectifiers", ""] if self.swaps else []
        if self.swaps and example.isidentifier():
            lines.append(f"# {example}: what {model} is called with, such as the inputs of a batch")
        for swap in self.swaps:
            given = {**({"where": swap.where} if swap.where != "all" else {}), **_without(swap.arguments, "where")}
            arguments = "".join(f", {name}={value!r}" for name, value in given.items())
            lines.append(f"rectifiers.swap({model}, {swap.to!r}, example={example}{arguments})")
        if self.change:
            lines.append(f"{model} = {title(self.change)}({model})")
        rate = "lr" if self.lr is None else f"{self.lr:g}"
        if self.activation_lr is not None:
            lines.append(f"groups = rectifiers.param_groups({model}, lr={rate}, activation_lr={self.activation_lr:g})")
        elif self.lr is not None:
            lines += [f"lr = {rate}  # tuned for it; to be given to your optimizer"]
        if not (self.swaps or self.change):
            lines.insert(0, f"# {model} stays as it is")
        return "\n".join(lines)


Variants = Sequence[Any] | Mapping[str, Any] | str
"""Texts, mappings of fields, `Variant`s, or functions that change a model; or labels and these."""


def read_variants(given: Variants) -> list[Variant]:
    """The variants that a user gave.

    Args:
        given: a list of texts such as `pvlu:start=was@R1`, dictionaries such as `{"to": "pvlu", "where": "R1"}`,
            `Variant`s, and functions of a model that return a model; or label → one of these.

    Raises:
        ConfigError: one of them is none of these, or two have the same label.
        UnknownNameError: there is no such activation; with the nearest names.

    Example:
        >>> variants = read_variants(["arelu", {"to": "pvlu", "where": "R1"}, "crelu@first+pvlu@last"])
        >>> [variant.label for variant in variants]
        ['arelu', 'pvlu@R1', 'crelu@first+pvlu@last']
    """
    if isinstance(given, str):
        given = split_variants(given)
    if not isinstance(given, Mapping | Iterable):
        raise ConfigError(f"activations must be a list, such as ['arelu', 'pvlu@R1'], got {given!r}")
    pairs = list(given.items()) if isinstance(given, Mapping) else [("", one) for one in given]
    variants = [_read(one, label) for label, one in pairs]
    if not variants:
        raise ConfigError("activations must name at least one, such as ['arelu', 'pvlu@R1'], got none")
    labels = [variant.label for variant in variants]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise ConfigError(
            f"{listing(twice)} appears twice among the activations; leave one out, or give each a label of its own in "
            "Python, as in activations={'mine': …}"
        )
    return variants


def split_variants(text: str) -> list[str]:
    """Several variants with commas between them; commas between sites stay.

    Example:
        >>> split_variants("relu,pvlu@0,2,crelu:halve=true@stem,block1,arelu")
        ['relu', 'pvlu@0,2', 'crelu:halve=true@stem,block1', 'arelu']
    """
    parts: list[str] = []
    for part in text.split(","):
        first = re.split(r"[:@+]", part.strip(), maxsplit=1)[0]
        if parts and "@" in parts[-1] and not _is_activation(first):
            parts[-1] += f",{part}"
        else:
            parts.append(part.strip())
    return parts


def parse_variant(text: str) -> Variant:
    """The variant that a text stands for.

    Raises:
        ConfigError: the text is of another form.
        UnknownNameError: there is no such activation; with the nearest names.

    Example:
        >>> variant = parse_variant("pvlu:start=was:activation_lr=0.01@R1")
        >>> variant.swaps[0].start, variant.swaps[0].where, variant.activation_lr
        ('was', 'R1', 0.01)
    """
    swaps, rates, freezes = [], [], []
    rest, place = text.strip(), 0
    while place < len(rest):
        match = _SWAP.match(rest, place)
        if match is None or match.end() == len(rest) - 1 or (match.end() < len(rest) and rest[match.end()] != "+"):
            raise ConfigError(
                f"cannot read the variant {text!r}; write NAME, NAME@WHERE or NAME:KEY=VALUE@WHERE, joined by +, such "
                "as pvlu:start=was@R1+arelu@last"
            )
        name, options, where = match.groups()
        pairs = re.findall(r":(\w+)=([^:@+]+)", options)
        values = {key: _value(word) for key, word in pairs}
        given = [key for key, _ in pairs] + ["where"] * bool(where)
        twice = [key for key in dict.fromkeys(given) if given.count(key) > 1]
        if twice:
            raise ConfigError(f"the variant {text!r} gives {listing(twice)} twice; leave one out")
        rates.append(values.pop("activation_lr", None))
        freezes.append(values.pop("freeze", None))
        swaps.append(_swap(name, {**values, **({"where": where.strip()} if where else {})}))
        place = match.end() + 1
    if not swaps:
        raise ConfigError("a variant is empty; write the name of an activation, such as arelu")
    return _variant(text.strip(), tuple(swaps), _one(rates, "activation_lr"), _one(freezes, "freeze"))


def _read(given: Any, label: str) -> Variant:
    if isinstance(given, Variant):
        return replace(given, label=label or given.label)
    if isinstance(given, str):
        variant = _by_name(given)
        return replace(variant, label=label or variant.label)
    if isinstance(given, Mapping):
        return _of_mapping(dict(given), label)
    if _is_unnamed(given):
        name = _name(given)
        return _variant(label or name, (_swap(name, {}),), None, None)
    if callable(given):
        reference = refer(given)
        return Variant(label or title(reference), change=reference)
    raise ConfigError(
        "expected the name of an activation, a dictionary such as {'to': 'pvlu', 'where': 'R1'}, a Variant, or a "
        f"function of a model, got {given!r}"
    )


def _by_name(text: str) -> Variant:
    """A variant in words, or the name of a function: `package.module:function`."""
    if re.fullmatch(r"[\w.]+:[\w.]+", text) and not _is_activation(text.partition(":")[0]):
        reference = refer(text)
        return Variant(title(reference), change=reference)
    return parse_variant(text)


def _of_mapping(given: dict[str, Any], label: str) -> Variant:
    label = str(given.pop("label", label))
    rate, freeze = given.pop("activation_lr", None), given.pop("freeze", None)
    parts = given.pop("swaps", None)
    if parts is not None and given:
        raise ConfigError(
            f"a variant of several swaps has its settings in them; got {listing(list(given))} beside them"
        )
    if parts is None:
        parts = [given]
    swaps = tuple(
        part if isinstance(part, Swap) else parse_variant(part).swaps[0] if isinstance(part, str) else _of_fields(part)
        for part in parts
    )
    return _variant(label or "+".join(map(str, swaps)), swaps, rate, freeze)


def _of_fields(given: Mapping[str, Any]) -> Swap:
    fields = dict(given)
    to = fields.pop("to", fields.pop("activation", None))
    name = _name(to) if _is_unnamed(to) else to
    if not isinstance(name, str):
        raise ConfigError(f"a variant needs the name of its activation, such as {{'to': 'pvlu'}}, got {dict(given)!r}")
    return _swap(name, fields)


def _is_unnamed(given: Any) -> bool:
    """Whether an activation is given itself, and not by its name."""
    return isinstance(given, nn.Module) or is_module_class(given) or bool(plain_kind(given))


def _name(given: Any) -> str:
    name = read_activation(given, {})
    if not isinstance(name, str):
        raise ConfigError(
            f"{name.__name__} is compared by a name, which its runs are kept under; give it one with "
            "rectifiers.register_activation, or put it into a file and name it by own='FILE.py:NAME'"
        )
    return name


def _swap(name: str, fields: Mapping[str, Any]) -> Swap:
    name = _name(name)
    if not _is_activation(name):
        raise UnknownNameError("activation", name, {*activations.registry, *CONVOLUTIONS})
    own = {key: fields[key] for key in ("where", "from_", "start") if key in fields}
    if isinstance(own.get("from_"), str):
        own["from_"] = tuple(own["from_"].split(","))
    options = dict(fields.get("options", {})) | {
        key: value for key, value in fields.items() if key not in (*own, "options")
    }
    elsewhere = set(inspect.signature(surgery.swap).parameters) - {*OF_A_SWAP, "options"}
    for key in options:
        if key in elsewhere:
            raise ConfigError(f"{name}: {key} is not an option of a variant")
    return Swap.create(to=name, options=options, **own)


def _is_activation(name: str) -> bool:
    """Whether a swap knows an activation: a registered one, or ConvReLU of any rank."""
    name = _name(name)
    return name in activations.registry or name in CONVOLUTIONS


def _variant(label: str, swaps: tuple[Swap, ...], rate: Any, freeze: Any) -> Variant:
    if rate is not None and not (isinstance(rate, int | float) and rate > 0):
        raise ConfigError(f"{label}: activation_lr must be a positive number, got {rate!r}")
    if freeze is not None and freeze not in FREEZE:
        raise UnknownNameError("freeze", str(freeze), FREEZE)
    return Variant(label, swaps, activation_lr=rate, trained=FREEZE[freeze] if freeze else "all")


def _one(values: Iterable[Any], name: str) -> Any:
    given = {value for value in values if value is not None}
    if len(given) > 1:
        raise ConfigError(f"a variant has one {name} for all its swaps, got {listing(sorted(map(str, given)))}")
    return next(iter(given), None)


def _value(word: str) -> Value:
    try:
        value = json.loads(word)
    except ValueError:
        return word
    return value if isinstance(value, Value) else word


def _without(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != name}
