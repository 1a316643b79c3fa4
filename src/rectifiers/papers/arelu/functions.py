"""The 19 functions of the paper's tables, in its order and with its labels, as the authors' code defines them."""

from __future__ import annotations

from ...experiments.experiment import Arm, Lead

NON_LEARNABLE = (
    Arm("CELU", {"activation": "celu"}),
    Arm("ELU", {"activation": "elu"}),
    Arm("GELU", {"activation": "gelu_tanh"}),
    Arm("LeakyReLU", {"activation": "leaky_relu"}),
    Arm("Maxout", {"activation": "maxout_arelu"}),
    Arm("ReLU", {"activation": "relu"}),
    Arm("ReLU6", {"activation": "relu6"}),
    Arm("RReLU", {"activation": "rrelu"}),
    Arm("SELU", {"activation": "selu"}),
    Arm("Sigmoid", {"activation": "sigmoid"}),
    Arm("Softplus", {"activation": "softplus"}),
    Arm("Swish", {"activation": "swish"}),
    Arm("Tanh", {"activation": "tanh"}),
)

LEARNABLE = (
    Arm("APL", {"activation": "apl_arelu"}),
    Arm("Comb", {"activation": "comb_arelu"}),
    Arm("PAU", {"activation": "pau_arelu"}),
    Arm("PReLU", {"activation": "prelu"}),
    Arm("SLAF", {"activation": "slaf_arelu"}),
)

ARELU = Arm("AReLU", {"activation": "arelu", "activation_args": {"alpha": 0.9, "beta": 2.0}})

FUNCTIONS = (*NON_LEARNABLE, *LEARNABLE, ARELU)

IMPROVEMENTS = tuple(
    Lead(f"Improvement over {kind}", ARELU.label, tuple(arm.label for arm in group))
    for kind, group in (("non-learnable", NON_LEARNABLE), ("learnable", LEARNABLE))
)
