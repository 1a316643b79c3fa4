"""The six functions of the paper's tables, in its order and with its labels; (A) stands for all layers."""

from __future__ import annotations

from typing import Any

from ...experiments.experiment import Arm


def functions(convrelu: dict[str, Any]) -> tuple[Arm, ...]:
    """The rows of Tables 1 and 2.

    Args:
        convrelu: what makes a training one of ConvReLU.
    """
    return (
        Arm("ReLU", {"activation": "relu"}),
        Arm("LeakyReLU", {"activation": "leaky_relu"}),
        Arm("LeakyReLU (A)", {"activation": "leaky_relu"}),
        Arm("PReLU", {"activation": "prelu"}),
        Arm("PReLU (A)", {"activation": "prelu"}),
        Arm("ConvReLU", convrelu),
    )


COMPARED = (
    "The paper gives LeakyReLU's slope as a small constant like 0.01, and nothing of PReLU's; ours are PyTorch's "
    "defaults, 0.01 fixed and one learned slope per site that starts at 0.25. One per site is what Table 6 counts.",
)
