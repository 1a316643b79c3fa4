"""The functions that are compared, the controls beside them, and the columns that say how they did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...experiments.experiment import Arm, Column

FUNCTIONS = (
    Arm("ReLU", {"activation": "relu"}),
    Arm("ReLU6", {"activation": "relu6"}),
    Arm("Leaky ReLU", {"activation": "leaky_relu"}),
    Arm("PReLU", {"activation": "prelu"}),
    Arm("AReLU", {"activation": "arelu"}),
    Arm("AdaReLU", {"activation": "adarelu"}),
    Arm("ELSA", {"activation": "elsa"}),
    Arm("AVR", {"activation": "avr"}),
    Arm("CReLU", {"activation": "crelu"}),
    Arm("PVLU", {"activation": "pvlu"}),
    Arm("VLU", {"activation": "vlu"}),
    Arm("SineReLU", {"activation": "sinerelu"}),
    Arm("ELU", {"activation": "elu"}),
    Arm("CELU", {"activation": "celu", "activation_args": {"alpha": 0.5}}),
    Arm("SELU", {"activation": "selu"}),
    Arm("GELU", {"activation": "gelu"}),
    Arm("Swish", {"activation": "swish"}),
    Arm("Softplus", {"activation": "softplus"}),
    Arm("Tanh", {"activation": "tanh"}),
    Arm("Sigmoid", {"activation": "sigmoid"}),
    Arm("APL", {"activation": "apl"}),
    Arm("Comb", {"activation": "comb"}),
    Arm("PAU", {"activation": "pau"}),
    Arm("SLAF", {"activation": "slaf"}),
    Arm("Maxout", {"activation": "maxout"}),
)
"""All functions that need no convolution and draw nothing at random; Maxout halves the features, CReLU doubles them."""


CONTROLS = (
    Arm("no function", {"activation": "maxout_arelu"}),
    Arm("ReLU, CReLU's size", {"activation": "relu"}),
    Arm("ReLU, twice as wide", {"activation": "relu"}),
    Arm("ReLU, layer norm", {"activation": "relu"}),
    Arm("ReLU, L2-init", {"activation": "relu", "l2_init": 0.01}),
    Arm("ReLU, ReDo", {"activation": "relu", "redo": 0.1}),
    Arm("ReLU, shrink and perturb", {"activation": "relu", "shrink": 0.5, "perturb": 0.1}),
)
"""A linear network, which is Maxout over one piece; and ReLU in larger networks and with what keeps them learning."""


def sized(rows: Iterable[Arm], units: int, like_crelu: int, **options: Any) -> dict[str, dict[str, Any]]:
    """The networks of the rows, by label.

    Args:
        rows: which.
        units: of each hidden layer.
        like_crelu: units with which a ReLU network has as many parameters as one of CReLU with `units`; its
            multiplications are as many too, in layers like these.
        **options: further ones of all networks.
    """
    others = {
        "ReLU, CReLU's size": {"units": like_crelu},
        "ReLU, twice as wide": {"units": 2 * units},
        "ReLU, layer norm": {"units": units, "norm": True},
    }
    return {row.label: {"network_args": {**options, **others.get(row.label, {"units": units})}} for row in rows}


COLUMNS = (
    Column("online", {}, metric="online"),
    Column("online, last tenth", {}, metric="online_late"),
    Column("last tenth − first", {}, metric="online_change"),
    Column("end, last tenth", {}, metric="end_late"),
    Column("backward transfer", {}, metric="backward_transfer"),
)


def few(networks: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Those of the rows, by label, that a smoke test runs: three functions and four of the controls."""
    labels = ("ReLU", "CReLU", "Tanh", "ReLU, layer norm", "ReLU, L2-init", "ReLU, ReDo", "ReLU, shrink and perturb")
    return {label: fields for label, fields in networks.items() if label in labels}


DEVIATIONS = (
    "L2-init has λ = 0.01, which Kumar et al. (2023) find best with Adam. When the data change, ReDo redraws the "
    "units whose score is at most 0.1, the largest value of their sweep. Shrink and perturb multiplies the weights by "
    "0.5 and adds 0.1 of fresh ones, as Ash and Adams (2020) do; both numbers are ours.",
    "No function's learning rate was tuned: all have that of the protocol.",
)
