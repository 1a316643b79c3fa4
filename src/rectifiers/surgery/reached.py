"""Whether what was put in is called in the place of what was there, on the example that showed it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

from torch import nn

from ..core.errors import UnsupportedError
from ..core.wording import listing
from ..watching.replaced import replaced_calls
from ..watching.sites import Located, Site


@contextmanager
def all_reached(
    model: nn.Module, located: Iterable[Located], before: Mapping[nn.Module, str], find: Callable[[], list[Site]]
) -> Iterator[None]:
    """Make sure that the block calls nothing that was there, past what was put in.

    Args:
        model: the swapped model.
        located: the sites before the swap, with their ops; those that were not changed do not matter.
        before: names of the modules before the swap.
        find: finds the sites that evaluation mode reaches in the swapped model.

    Raises:
        UnsupportedError: it does, because something keeps a module or a method as a value, as a closure may, or calls
            `Base.forward(self, x)`.
    """
    put_in: dict[nn.Module, list[Located]] = {}
    for entry in located:
        if entry.site.call == "function" and not entry.site.training_only:
            activation = replaced_calls(model.get_submodule(entry.site.path)).at(entry.site.number)
            if activation is not None:
                put_in.setdefault(activation, []).append(entry)
    gone = before.keys() - set(model.modules())
    called: Counter[nn.Module] = Counter()
    with ExitStack() as stack:
        for module in (*put_in, *gone):
            stack.callback(module.register_forward_pre_hook(lambda module, _: called.update([module])).remove)
        yield
    kept = [before[module] for module in gone if called[module]]
    if kept:
        raise UnsupportedError(
            f"{listing(sorted(kept))}: the module that was there is still called, and not what was put in, because "
            "something keeps it as a value where a swap does not look, such as a closure or an object that is no "
            "module; call it as a child of its module, such as self.act(x)"
        )
    # Fewer calls may come of other values, which lead another way; so the model is looked at once more.
    fewer = [one for one, entries in put_in.items() if called[one] < sum(len(entry.ops) for entry in entries)]
    if not fewer:
        return
    still = {(site.path, site.written, site.kind) for site in find() if site.call == "function"}
    sites = [entry.site for one in fewer for entry in put_in[one]]
    missed = [site.name for site in sites if (site.path, site.written, site.kind) in still]
    if missed:
        raise UnsupportedError(
            f"{listing(missed)}: the function is still called there, and not what was put in, because the method "
            "around it is called as a value, such as Base.forward(self, x) or one that a closure keeps; call that as "
            "self.forward(x) or super().forward(x), or make the activation a module"
        )
