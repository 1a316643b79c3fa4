"""What modules a model consists of, and what they hold, at one moment, to go back to when an edit fails half-way."""

from __future__ import annotations

from torch import nn

from ..edits.edit import Undo


def remember_structure(model: nn.Module) -> Undo:
    """Remember class and attributes of every module in `model`; return what puts them back, to the very same objects.

    Values of tensors are not copied: only what modules hold is remembered, in its order.

    Example:
        >>> net = nn.Sequential(nn.ReLU())
        >>> restore = remember_structure(net)
        >>> net[0], net.extra = nn.Tanh(), 1
        >>> restore()
        >>> net[0], hasattr(net, "extra")
        (ReLU(), False)
    """
    kept = [
        (
            module,
            type(module),
            dict(vars(module)),
            # Children, parameters, buffers and hooks, in dictionaries that handles refer to.
            [(table, dict(table)) for table in vars(module).values() if isinstance(table, dict)],
        )
        for module in model.modules()
    ]

    def restore() -> None:
        for module, before, attributes, tables in kept:
            if type(module) is not before:
                module.__class__ = before
            vars(module).clear()
            vars(module).update(attributes)
            for table, entries in tables:
                table.clear()
                table.update(entries)

    return restore
