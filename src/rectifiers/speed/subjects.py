"""What is timed: our functions, PyTorch's as yardsticks, AReLU as published, and the modules of other packages."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import activations
from ..core.elementwise import Elementwise
from ..core.errors import UnsupportedError
from ..core.spec import ActivationSpec
from .goals import GOALS


@dataclass(frozen=True)
class Subject:
    """A module under the stopwatch.

    Args:
        name: what it is called in the table.
        module: what is called.
        function: the registered name, for one of ours.
        checked: whether it must agree with its own value in float64; other packages' modules are timed as they are.
        outputs: elements of the output per element of the input.
    """

    name: str
    module: nn.Module
    function: str = ""
    checked: bool = True
    outputs: float = 1


class PublishedAReLU(nn.Module):
    """AReLU in the composite form of its authors: two ReLUs, two products, one difference."""

    def __init__(self) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.tensor([0.9]))
        self.beta = nn.Parameter(torch.tensor([2.0]))
        self.bounds = activations.registry.get("arelu").spec.parameters[0].bounds

    def forward(self, x: Tensor) -> Tensor:
        """Value of the function, of the shape of `x`."""
        return F.relu(x) * (1 + self.beta.sigmoid()) - F.relu(-x) * self.alpha.clamp(*self.bounds)


RIVALS: dict[str, tuple[str, dict[str, Callable[[Any], nn.Module]]]] = {
    "rational-activations": (
        "rational.torch",
        {"pau": lambda package: package.Rational(degrees=(5, 4), cuda=False, version="B")},
    ),
    "torch-activation": (
        "torch_activation",
        {
            "arelu": lambda package: package.AReLU(learnable=True),
            "pvlu": lambda package: package.PVLU(learnable=True),
            "crelu": lambda package: package.CReLU(dim=1),
        },
    ),
    "echoai": (
        "echoAI.Activation.Torch.sine_relu",
        {"sinerelu": lambda package: package.SineReLU()},
    ),
}
"""Per distribution: its module, and what it has of ours."""


def names_of_ours() -> list[str]:
    """The functions that are timed: those that have a kernel or learn, and those that a goal is stated for.

    Convolutions take no input as it is, and what is drawn at random has no value to check.
    """
    specs = [activations.registry.get(name).spec for name in can_be_timed()]
    with_goals = {name for goals in GOALS.values() for name in goals}
    return [spec.name for spec in specs if spec.formula or spec.parameters or spec.name in with_goals]


def can_be_timed() -> list[str]:
    """Every registered function that can be timed alone."""
    specs = [activations.registry.get(name).spec for name in activations.registry]
    return [spec.name for spec in specs if spec.kind != "convolution" and not spec.stochastic]


def choose_functions(names: Sequence[str]) -> list[str]:
    """The functions that a user chose by name, each once.

    Raises:
        UnknownNameError: with the nearest names.
        UnsupportedError: one that cannot be timed.
    """
    for name in names:
        spec = activations.registry.get(name).spec
        if spec.kind == "convolution" or spec.stochastic:
            why = "takes the place of a convolution" if spec.kind == "convolution" else "draws random numbers"
            raise UnsupportedError(f"{name} cannot be timed beside nn.ReLU: it {why}; leave it out")
    return list(dict.fromkeys(names))


def make_subjects(channels: int, names: Sequence[str] | None = None) -> Iterator[Subject]:
    """Our functions, one set of parameters for the layer and one per channel.

    Args:
        channels: how many the input has.
        names: registered names; None takes those of `names_of_ours`.
    """
    for name in names_of_ours() if names is None else names:
        cls = activations.registry.get(name)
        spec = cls.spec
        # A plain module of a user's has the granularity that it has.
        shares = ("layer", "channel") if spec.parameters and issubclass(cls, Elementwise) else ("layer",)
        for share in shares:
            label = name if share == "layer" else f"{name}, channel"
            granularity = {"share": share} if issubclass(cls, Elementwise) else {}
            module = activations.create(name, channels=channels, **granularity)
            yield Subject(label, module, name, outputs=_outputs(spec))


def _outputs(spec: ActivationSpec) -> float:
    """Elements of the output per element of the input: CReLU has two, and Maxout the half of one."""
    factor, divisor = spec.channel_factor
    return factor / divisor


def make_noisy() -> Iterator[Subject]:
    """RReLU while it draws its slopes, whose value cannot be checked, and PyTorch's."""
    yield Subject("rrelu, drawing", activations.create("rrelu").train(), "rrelu", checked=False)
    yield Subject("nn.RReLU, drawing", nn.RReLU().train(), checked=False)


def make_yardsticks() -> list[Subject]:
    """PyTorch's own, and AReLU as published."""
    return [
        Subject("nn.ReLU", nn.ReLU()),
        Subject("nn.PReLU", nn.PReLU()),
        Subject("arelu, as published", PublishedAReLU()),
    ]


def find_rivals() -> tuple[list[Subject], dict[str, str]]:
    """Modules of other packages that do what ours do.

    Returns:
        Those of the packages that can be imported, and what became of each package: its version, or why it is left out.
    """
    found: list[Subject] = []
    states: dict[str, str] = {}
    for distribution, (name, makers) in RIVALS.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                package = import_module(name)
                modules = {function: make(package) for function, make in makers.items()}
            states[distribution] = version(distribution)
        except PackageNotFoundError:
            states[distribution] = "not installed"
        except Exception as error:  # Their mistakes with today's PyTorch are theirs to say.
            missing = isinstance(error, ModuleNotFoundError) and error.name == name.partition(".")[0]
            states[distribution] = "not installed" if missing else f"left out: {error}"
        else:
            for function, module in modules.items():
                outputs = _outputs(activations.registry.get(function).spec)
                found.append(Subject(f"{function}, {distribution}", module, checked=False, outputs=outputs))
    return found, states
