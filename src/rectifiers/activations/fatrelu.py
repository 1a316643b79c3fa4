"""FATReLU: ReLU that lets pass only what is above a fixed bound (Kurtz et al., 2020)."""

from __future__ import annotations

from torch import Tensor
from torch.fx import wrap
from typing_extensions import Unpack

from ..core.checks import check_not_negative
from ..core.elementwise import Elementwise, apply
from ..core.granularity import Granularity
from ..core.spec import ActivationSpec
from ..kernels import cut


@wrap
def fatrelu(x: Tensor, bound: float = 0.0) -> Tensor:
    """The input where it is above the bound, 0 elsewhere. At the bound itself, where the paper keeps x, it gives 0.

    Args:
        x: input of any shape.
        bound: what an element has to exceed; not negative.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        DtypeError: `x` is not floating-point.
        ConfigError: `bound` is negative or not finite.

    Example:
        >>> import torch
        >>> fatrelu(torch.tensor([-1.0, 0.5, 3.0]), bound=1.0).tolist()
        [0.0, 0.0, 3.0]
    """
    check_not_negative("fatrelu", "bound", bound)
    return apply("fatrelu", cut.formula, x, bound=bound)


class FATReLU(Elementwise):
    """Forced-activation-threshold ReLU: small activations become zeros, so that sparse computation can skip them.

    Args:
        bound: what an element has to exceed; not negative. At 0, it is ReLU.
        relu_like: take a bound of 0, which is ReLU.
        **granularity: accepted for uniformity; there are no parameters to share.

    Shape:
        Any shape in, the same out.

    Example:
        >>> import torch
        >>> FATReLU(bound=1.0)(torch.tensor([0.5, 3.0])).tolist()
        [0.0, 3.0]
    """

    spec = ActivationSpec(
        name="fatrelu",
        title="FATReLU",
        equation="x for x > T, 0 otherwise",
        paper="Kurtz, Kopinsky, Gelashvili, Matveev, Carr, Goin, Leiserson, Moore, Shavit, Alistarh (2020): Inducing "
        "and Exploiting Activation Sparsity for Fast Inference on Deep Neural Networks",
        use="To make a trained ReLU network sparser: raise the bound layer by layer while the accuracy holds. "
        "The bound does not learn.",
        kinks=("bound",),
        relu_start="exact",
        formula="cut",
    )
    constants = ("bound",)

    def __init__(self, bound: float = 0.0, *, relu_like: bool = False, **granularity: Unpack[Granularity]) -> None:
        super().__init__(relu_like=relu_like, **granularity)
        self.bound = 0.0 if relu_like else check_not_negative(self.owner, "bound", bound)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function; see `fatrelu`."""
        return fatrelu(input, self.bound)
