"""The six functions of the paper's tables, in its order and with its labels; (A) stands for all layers."""

from __future__ import annotations

from typing import Any

from ...experiments.experiment import Arm


def functions(convrelu: dict[str, Any], first: str, everywhere: str) -> tuple[Arm, ...]:
    """The rows of Tables 1, 2 and 6.

    Args:
        convrelu: what makes a training one of ConvReLU.
        first: where it and the functions without (A) stand.
        everywhere: where the functions with (A) stand.
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
    "The paper gives LeakyReLU's slope as a small constant like 0.01, and nothing of PReLU's; ours are PyTorch's "
    "defaults, 0.01 fixed and one learned slope per site that starts at 0.25. One per site is what Table 6 counts.",
    "(A) replaces every ReLU that a convolution follows: Table 6 counts 119 of them, and DenseNet has one more.",
)
