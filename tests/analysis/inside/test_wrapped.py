"""Analyses of models inside wrappers are those of the models themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from rectifiers import CReLU
from rectifiers.analysis import (
    compare_models,
    feature_maps,
    grad_cam,
    invariance_scores,
    outgoing_correlations,
    reconstruct,
)
from rectifiers.analysis.inside.measured import to_json
from rectifiers.core.errors import UnsupportedError

from ..models import pictures


def make_net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), CReLU(), nn.Conv2d(8, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32, 2))


ANALYSES: dict[str, Callable[[nn.Module], Any]] = {
    "feature_maps": lambda net: to_json(feature_maps(net, pictures(2))),
    "grad_cam": lambda net: to_json([grad_cam(net, pictures(2))]),
    "invariance": lambda net: to_json(invariance_scores(net, [pictures(10)], rate=0.1)),
    "correlation": lambda net: to_json(outgoing_correlations(net, [pictures(2)])),
    "reconstruction": lambda net: to_json(reconstruct(net, pictures(2), iterations=3)),
    "comparison": lambda net: compare_models(net, make_net(), [pictures(8)]).to_json(),
}


def compile_in_place(net: nn.Module) -> nn.Module:
    net.compile()
    return net


@pytest.mark.parametrize("analysis", ANALYSES.values(), ids=ANALYSES.keys())
@pytest.mark.parametrize("wrap", [torch.compile, compile_in_place, nn.DataParallel])
def test_analyses_look_inside(wrap: Callable[[nn.Module], nn.Module], analysis: Callable[[nn.Module], Any]) -> None:
    assert analysis(wrap(make_net())) == analysis(make_net())


@pytest.mark.filterwarnings("ignore:`torch.jit.trace:FutureWarning", "ignore:`torch.jit.trace:DeprecationWarning")
def test_scripted_models_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="is scripted: its code is fixed"):
        feature_maps(torch.jit.trace(nn.ReLU(), torch.zeros(1, 2)), torch.zeros(1, 2))
