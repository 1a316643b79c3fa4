"""Which dimensions hold the channels once a tensor is reshaped: the two shapes tell."""

from __future__ import annotations

from collections.abc import Sequence

Dims = tuple[int, ...]
"""The dimensions that hold channels, from 0, the innermost last; empty if they are not known."""


def follow_reshape(old: Sequence[int], new: Sequence[int], dims: Dims) -> Dims:
    """Return the dimensions that hold the channels after a reshape; empty if they are no longer by themselves.

    Args:
        old: shape before.
        new: shape after.
        dims: the dimensions before.

    Example:
        >>> follow_reshape((2, 7, 16), (14, 16), (2,)), follow_reshape((2, 7, 16), (2, 7, 4, 4), (2,))
        ((1,), (2, 3))
        >>> follow_reshape((2, 7, 4, 4), (2, 7, 16), (2, 3)), follow_reshape((2, 16, 8), (32, 8), (1,))
        ((2,), ())
    """
    if tuple(old) == tuple(new):
        return dims
    inner = dims[-1]
    if old[inner] == 1:
        if inner == len(old) - 1 and new and new[-1] == 1:
            return (len(new) - 1,)
        return dims if tuple(old[: inner + 1]) == tuple(new[: inner + 1]) else ()
    made: list[int] = []
    for before, after in _pieces(old, new):
        held = [dim for dim in before if dim in dims]
        if not held:
            continue
        if len(held) == len(before):
            found = after
        elif len(after) == 1:
            found = [] if before[0] == 0 else after
        elif held == before[-1:] and new[after[-1]] % old[held[0]] == 0:
            found = after[-1:]
        elif held == before[:1] and new[after[0]] % old[held[0]] == 0:
            found = after[:1]
        else:
            found = []
        # A dimension that moves to the front has taken the place of the batch, and holds it too for larger batches.
        if inner in held and (not found or (found[0] == 0 and inner > 0)):
            return ()
        made = [*made, *found] if inner in held else [*found, *made]
    return tuple(made)


def _pieces(old: Sequence[int], new: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """Cut two shapes of the same number of elements into pieces of the same size; dimensions of size 1 are in none."""
    before = [dim for dim, size in enumerate(old) if size != 1]
    after = [dim for dim, size in enumerate(new) if size != 1]
    pieces: list[tuple[list[int], list[int]]] = []
    while before and after:
        left, right = [before.pop(0)], [after.pop(0)]
        a, b = old[left[0]], new[right[0]]
        while a != b:
            if a < b and before:
                left.append(before.pop(0))
                a *= old[left[-1]]
            elif b < a and after:
                right.append(after.pop(0))
                b *= new[right[-1]]
            else:
                return pieces
        pieces.append((left, right))
    return pieces
