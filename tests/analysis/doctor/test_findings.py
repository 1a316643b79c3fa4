"""From numbers to findings, and from findings to the swaps that the doctor proposes."""

from __future__ import annotations

import shlex

import pytest
import torch
from torch import nn

import rectifiers
from rectifiers.analysis.doctor.advice import Command, Finding, SwapAdvice
from rectifiers.analysis.doctor.diagnosis import percent
from rectifiers.core.wording import listing
from rectifiers.surgery import find_sites

X = torch.randn(64, 4)


def finding(model: nn.Module, word: str, loader: list[torch.Tensor] | None = None) -> Finding:
    (found,) = (entry for entry in rectifiers.diagnose(model, loader or [X]).findings if word in entry.what)
    return found


def deep(gain: float, layers: int = 12) -> nn.Sequential:
    """Square layers that scale by `gain` each, forward and back."""
    net = nn.Sequential(*(part for _ in range(layers) for part in (nn.Linear(4, 4), nn.LeakyReLU(0.9))))
    with torch.no_grad():
        for layer in net[::2]:
            layer.weight.copy_(gain * torch.eye(4))
            layer.bias.zero_()
    return net


def test_a_gradient_that_vanishes() -> None:
    found = finding(deep(0.3), "vanishes")
    assert found.severity == "problem"
    assert found.swap is not None
    assert found.swap.python().startswith(
        "rectifiers.surgery.swap(model, 'arelu', from_='leaky_relu', start='published'"
    )


def test_a_gradient_that_explodes_has_no_swap() -> None:
    assert finding(deep(3.0), "explodes").swap is None


def test_a_gradient_that_is_even_is_no_finding() -> None:
    assert rectifiers.diagnose(deep(1.0), [X]).findings == ()


def test_a_cap_is_dropped_and_a_bounded_function_replaced() -> None:
    capped = finding(nn.Sequential(nn.Identity(), nn.ReLU6(), nn.Linear(4, 1)), "flat", [X.abs() + 7])
    assert capped.swap == SwapAdvice("relu", arguments=(("cap", "drop"),), positions=(0,))
    bounded = finding(nn.Sequential(nn.Identity(), nn.Tanh(), nn.Linear(4, 1)), "flat", [20 * X])
    assert bounded.swap is not None
    assert (bounded.swap.to, bounded.swap.from_) == ("arelu", "tanh")


def test_gates_are_left_alone() -> None:
    findings = rectifiers.diagnose(nn.Sequential(nn.Identity(), nn.Sigmoid()), [100 * X]).findings
    assert not any("flat" in entry.what for entry in findings)


def test_linear_units_get_a_threshold() -> None:
    model = nn.Sequential(nn.Identity(), nn.ReLU(), nn.Linear(4, 4), nn.ReLU())
    found = finding(model, "linear", [X.abs() + 1])
    assert found.severity == "notice"
    assert found.swap == SwapAdvice("adarelu", where=("1",), positions=(0,))


def test_what_changes_the_channels_gets_no_swap() -> None:
    model = nn.Sequential(nn.Identity(), rectifiers.CReLU())
    assert finding(model, "linear", [X.abs() + 1]).swap is None


def test_the_command_names_the_sites_as_the_line_of_python_does() -> None:
    advice = SwapAdvice("arelu", where=("a.1", "b:relu#2"), positions=(0, 2), arguments=(("start", "published"),))
    command = SwapAdvice(
        **{**vars(advice), "command": Command("my.nets:make", ((1, 3), (1,)), "a b.safetensors")}
    ).shell()
    assert shlex.split(command) == [
        *("rectifiers", "swap", "my.nets:make", "--to", "arelu", "--where", "a.1,b:relu#2", "--start", "published"),
        *("--input", "1,3", "--input", "1", "--weights", "a b.safetensors", "--save", "swapped"),
    ]
    assert advice.shell() == ""


def test_numbers_as_names_become_positions_in_the_command() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Sigmoid(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU())
    with torch.no_grad():
        model[2].bias.fill_(10.0)
        model[4].bias.fill_(-100.0)
    diagnosis = rectifiers.diagnose(model, [X]).with_command(Command("m:f", ((1, 4),)))
    swap = next(entry.swap for entry in diagnosis.findings if "dead" in entry.what)
    assert swap is not None
    assert swap.where == ("5",)
    assert [site.name for site in find_sites(model, X) if site.kind == "relu"][swap.positions[0]] == "5"
    assert "--where 1 " in swap.shell()


@pytest.mark.parametrize(
    ("share", "text"), [(0.0, "0 %"), (1.0, "100 %"), (0.9999, ">99.9 %"), (0.123456, "12.3 %"), (0.0001, "<0.1 %")]
)
def test_shares_are_not_rounded_to_all_or_nothing(share: float, text: str) -> None:
    assert percent(share) == text


def test_lists_of_names() -> None:
    assert listing(["a"]) == "a"
    assert listing(["a", "b", "c", "d"], most=2) == "a, b and 2 more"
