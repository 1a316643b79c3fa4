"""Whether the activations that were put in for function calls are called, on the example that showed these calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from torch import nn

from ..core.errors import UnsupportedError
from ..core.wording import listing
from ..watching.replaced import replaced_calls
from ..watching.sites import Site


@contextmanager
def all_reached(model: nn.Module, sites: Iterable[Site]) -> Iterator[None]:
    """Make sure that the activation of every function site is called in the block, if the module around it is.

    Args:
        model: the swapped model.
        sites: the sites that evaluation mode reached before the swap; those that were not changed do not matter.

    Raises:
        UnsupportedError: one is not, because the function is called in a way that a change of the module's class does
            not alter, such as `Base.forward(self, x)`.
    """
    put_in: dict[str, tuple[nn.Module, nn.Module]] = {}
    called: set[nn.Module] = set()
    for site in sites:
        if site.call == "function" and not site.training_only:
            owner = model.get_submodule(site.path)
            activation = replaced_calls(owner).at(site.number)
            if activation is not None:
                put_in[site.name] = owner, activation
    with ExitStack() as stack:
        for module in {module for pair in put_in.values() for module in pair}:
            stack.callback(module.register_forward_pre_hook(lambda module, _: called.add(module)).remove)
        yield
    # Other values may lead around a module, as to another expert; but not around a part of one.
    missed = [name for name, (owner, activation) in put_in.items() if owner in called and activation not in called]
    if missed:
        raise UnsupportedError(
            f"{listing(missed)}: the function is still called there, and not what was put in, because the "
            "method around it is called as a value, such as Base.forward(self, x); call that as "
            "self.forward(x) or super().forward(x), or make the activation a module"
        )
