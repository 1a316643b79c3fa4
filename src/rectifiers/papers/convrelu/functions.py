"""The six functions of the paper's tables, in its order and with its labels; (A) stands for all layers."""

from __future__ import annotations

from typing import Any

from ...experiments.experiment import Arm


def functions(convrelu: dict[str, Any], first: str, everywhere: str) -> tuple[Arm, ...]:
    """Make the rows of Tables 1, 2 and 6.

    Args:
        convrelu: settings of the row of ConvReLU.
        first: the sites of ConvReLU and of the functions without (A).
        everywhere: the sites of the functions with (A).
    """
    return (
        Arm("ReLU", {"activation": "relu"}),
        Arm("LeakyReLU", {"activation": "leaky_relu", "where": first}),
        Arm("LeakyReLU (A)", {"activation": "leaky_relu", "where": everywhere}),
        Arm("PReLU", {"activation": "prelu", "where": first}),
        Arm("PReLU (A)", {"activation": "prelu", "where": everywhere}),
        Arm("ConvReLU", {**convrelu, "where": first}),
    )


COMPARED_FUNCTIONS = (
    "The paper gives LeakyReLU's slope as a small constant like 0.01, and says nothing about PReLU's; ours have "
    "PyTorch's defaults, a fixed 0.01 and one learned slope per site that starts at 0.25. One per site is what Table "
    "6 counts.",
    "(A) replaces every ReLU that is followed by a convolution: Table 6 counts 119 of them, and DenseNet has one more.",
)
