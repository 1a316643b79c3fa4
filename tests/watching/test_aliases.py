"""Names and classes of other libraries: each means the kind whose formula it computes."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rectifiers import diagnose, find_sites, swap
from rectifiers.core.errors import UnknownNameError
from rectifiers.watching import aliases, kinds

X = torch.linspace(-4, 4, 41)
FORMULAS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "quick_gelu": lambda x: x * torch.sigmoid(1.702 * x),
    "swish": F.silu,
    "mish": F.mish,
    "hardswish": F.hardswish,
    "hardsigmoid": F.hardsigmoid,
    "hardmish": lambda x: 0.5 * x * (x + 2).clamp(0, 2),
}


class QuickGELU(nn.Module):
    """As CLIP has it."""

    __module__ = "open_clip.transformer"

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *(
            ("silu", "swish"),
            ("SiLU", "swish"),
            ("swish", "swish"),
            ("hard_swish", "hardswish"),
            ("h_swish", "hardswish"),
        ),
        *(("hard_sigmoid", "hardsigmoid"), ("hard_tanh", "hardtanh"), ("relu_6", "relu6"), ("ReLU6", "relu6")),
        *(("leakyrelu", "leaky_relu"), ("LeakyReLU", "leaky_relu"), ("mish", "mish"), ("quickgelu", "quick_gelu")),
        *((name, "gelu") for name in ("GELU", "gelu_new", "gelu_fast", "gelu_pytorch_tanh", "gelu_python", "gelu_10")),
        *((name, "gelu") for name in ("NewGELUActivation", "GELUActivation", "ClippedGELUActivation", "GELUTanh")),
        *(("QuickGELUActivation", "quick_gelu"), ("SiLUActivation", "swish"), ("MishActivation", "mish")),
    ],
)
def test_names_in_use(name: str, kind: str) -> None:
    assert kinds.expand(name) == {kind}


def test_a_family_in_another_spelling() -> None:
    assert kinds.expand("ReLU") == {"relu", "relu6"}


def test_unknown_names_are_refused_as_given() -> None:
    with pytest.raises(UnknownNameError, match="'sineActivation'"):
        kinds.expand("sineActivation")


@pytest.mark.parametrize("home", aliases.CLASSES)
def test_every_class_computes_its_kind(home: str) -> None:
    try:
        library = importlib.import_module(home)
    except ImportError:
        pytest.skip(f"{home} is not installed")
    for name, kind in aliases.CLASSES[home].items():
        make = getattr(library, name, None)
        if make is None:
            continue
        torch.testing.assert_close(make()(X), FORMULAS[kind](X), atol=2e-3, rtol=0, msg=name)
        assert kinds.own_kind(make()) == kind


def test_a_formula_of_several_functions_is_one_site() -> None:
    net = nn.Sequential(nn.Linear(4, 4), QuickGELU(), nn.Linear(4, 2), nn.Sigmoid())
    x = torch.randn(5, 4)
    assert [(site.name, site.kind) for site in find_sites(net, x)] == [("1", "quick_gelu"), ("3", "sigmoid")]
    first, _ = diagnose(net, [x]).sites
    assert first.kind == "quick_gelu"
    pre: Any = net[0](x).detach().requires_grad_()
    (slopes,) = torch.autograd.grad(FORMULAS["quick_gelu"](pre).sum(), pre)
    assert first.slope_low == pytest.approx(float(slopes.min()), abs=1e-6)
    report = swap(net, "pvlu", example=x, from_="quick_gelu")
    assert [change.site for change in report.plan.changes] == ["1"]
    report.revert()
    assert isinstance(net[1], QuickGELU)


def test_one_of_an_architectures_own_is_one_site_in_both_modes() -> None:
    class BloomGelu(nn.Module):
        """As BLOOM has it: in training by a function of its own, whose inside nobody sees."""

        __module__ = "transformers.models.bloom.modeling_bloom"

        def forward(self, x: Tensor) -> Tensor:
            return F.gelu(x, approximate="tanh") if self.training else 0.5 * x * (1 + torch.tanh(0.8 * x))

    net = nn.Sequential(nn.Linear(4, 4), BloomGelu(), nn.Linear(4, 2))
    assert [(site.name, site.kind) for site in find_sites(net, (5, 4))] == [("1", "gelu")]


def test_one_that_writes_over_its_input_is_looked_into() -> None:
    class Swish(nn.Module):
        __module__ = "timm.layers.activations"
        inplace = True

    assert kinds.own_kind(Swish()) is None
    Swish.inplace = False
    assert kinds.own_kind(Swish()) == "swish"
