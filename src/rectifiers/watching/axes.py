"""Which dimension of a value holds its channels, followed through a trace from the layers that make them.

Some ops say by themselves where they put channels: a convolution in front of the pixels, a linear layer last. Others
keep them, move them or lose them. Each has a rule here, and every value of a trace gets its dimensions in the order of
execution. Where channels were split, as into heads, several dimensions hold them, and the innermost is taken. Where
nothing in front of a value tells, what reads it may. Otherwise nothing is known, and nothing is guessed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from .reshaping import Dims, follow_reshape
from .trace import Op, Trace, Value


def channel_dim(dim: int, rank: int, *, last: bool = False) -> int:
    """Write a dimension so that it fits other lengths and batches too: 1 after the batch, −1 at the end.

    Args:
        dim: the dimension, from 0.
        rank: how many dimensions there are.
        last: whether it is the end that counts where it is both, as in two-dimensional values.

    Example:
        >>> channel_dim(1, 4), channel_dim(2, 3), channel_dim(1, 2), channel_dim(0, 3), channel_dim(2, 5)
        (1, -1, 1, -3, 2)
        >>> channel_dim(1, 2, last=True)
        -1
    """
    if dim == 1 and not (last and rank == 2):
        return 1
    return dim - rank if dim in (0, rank - 1) else dim


class ChannelAxes:
    """The dimensions that hold the channels of every value in a trace.

    Args:
        trace: a forward pass.

    Attributes:
        dims: the dimensions by number of the value; values of which nothing is known are missing.
        last: the values whose channels are last whatever the number of dimensions, as a linear layer puts them.
        weights: the values that are parameters, or made from parameters alone.
    """

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.dims: dict[int, Dims] = {}
        self.last: set[int] = set()
        self.weights = set(trace.parameters)
        for op in trace.ops:
            self._follow(op)

    def _follow(self, op: Op) -> None:
        if not op.outputs:
            return
        rule = _RULES.get(_name(op), _align)
        dims = rule(self, op)
        for value in op.outputs[:1] if rule is _attention else op.outputs:
            if dims and max(dims) < len(self.shape(value)):
                self.dims[value] = dims
                if self._are_last(rule, op):
                    self.last.add(value)
            elif op.inputs and self.weights.issuperset(op.inputs):
                self.weights.add(value)

    def _are_last(self, rule: Rule, op: Op) -> bool:
        """Return whether the channels that an op puts out are last in values of other numbers of dimensions, too."""
        if rule in _LAST or (rule in _PRODUCTS and not self.weights.isdisjoint(op.inputs)):
            return True
        if rule in _FIRST or says_channels(self, op):
            return False
        known = [value for value in op.inputs if value in self.dims]
        return bool(known) and self.last.issuperset(known)

    def shape(self, value: int) -> tuple[int, ...]:
        """Return the shape of a value."""
        return self.trace.shapes[value]

    def of(self, value: int | None) -> Dims:
        """Return the dimensions that hold the channels of a value; empty if there is no value, or they are unknown."""
        return () if value is None else self.dims.get(value, ())

    def find(self, value: int) -> int | None:
        """Return the dimension that holds the channels of an activation's input, counted as `channel_dim` does.

        Two-dimensional values are taken for examples with channels if nothing else is known.

        Args:
            value: number of the value.
        """
        rank = len(self.shape(value))
        dims, last = self.of(value), value in self.last
        if not dims:
            dims, last = self._find_from_readers(value)
        if dims:
            return channel_dim(dims[-1], rank, last=last)
        return 1 if rank == 2 else None

    def _find_from_readers(self, value: int) -> tuple[Dims, bool]:
        """Return the dimension that the layers which read a value, after elementwise functions, take for channels.

        With it comes whether all of them take the last one, whatever the number of dimensions.
        """
        found, last, seen, waiting = set[Dims](), True, {value}, [value]
        while waiting:
            value = waiting.pop()
            for op in self.trace.consumers.get(value, ()):
                dims = self._read(op, value)
                if dims:
                    found.add(dims)
                    last &= _RULES.get(_name(op)) in _LAST | _PRODUCTS
                elif _RULES.get(_name(op), _align) is _align:
                    same = [one for one in op.outputs if self.shape(one) == self.shape(value) and one not in seen]
                    seen.update(same)
                    waiting.extend(same)
        return (found.pop(), last) if len(found) == 1 else ((), False)

    def _read(self, op: Op, value: int) -> Dims:
        """Return the dimension that an op takes for the channels of its input; empty if it does not say."""
        if _operand(op) != value:
            return ()
        rule, rank = _RULES.get(_name(op)), len(self.shape(value))
        if rule is _convolve:
            return (rank - len(self.shape(op.inputs[1])) + 1,) if len(op.inputs) > 1 else ()
        if rule is _matmul:
            return (rank - 1,) if _operand(op, 1, "other") in self.weights else ()
        if rule is _norm_channels or rule is _last or (rule is _norm_last and len(_normalised(op)) == 1):
            return (1,) if rule is _norm_channels else (rank - 1,)
        return ()


Rule = Callable[[ChannelAxes, Op], Dims]
"""Returns the dimensions that hold the channels of an op's outputs."""


def _name(op: Op) -> str:
    """Return the name of an op's function without underscores."""
    return op.name.strip("_")


def _operand(op: Op, position: int = 0, name: str = "input") -> int | None:
    """Return the number of a tensor among the arguments, by its position or name; None if there is none."""
    arg = op.args[position] if len(op.args) > position else op.kwargs.get(name)
    return arg.number if isinstance(arg, Value) else None


def _argument(op: Op, position: int, *names: str) -> Any:
    if len(op.args) > position:
        return op.args[position]
    return next((op.kwargs[name] for name in names if name in op.kwargs), None)


# Ops that say where they put channels.


def _last(axes: ChannelAxes, op: Op) -> Dims:
    """Linear, recurrent and embedding layers put channels last."""
    return (len(axes.shape(op.outputs[0])) - 1,)


def _attention(axes: ChannelAxes, op: Op) -> Dims:
    """The first output of attention with its projections is linear; the second, if any, are its weights."""
    return _last(axes, op)


def _attend(axes: ChannelAxes, op: Op) -> Dims:
    """Attention mixes the tokens of its values, and keeps their features."""
    return axes.of(_operand(op, 2, "value")) or _last(axes, op)


def _convolve(axes: ChannelAxes, op: Op) -> Dims:
    """Convolutions put channels in front of the pixels, with or without a batch."""
    weight = _operand(op, 1, "weight")
    return () if weight is None else (len(axes.shape(op.outputs[0])) - len(axes.shape(weight)) + 1,)


def _confirm(axes: ChannelAxes, op: Op, dim: int) -> Dims:
    """Return what is known of the input if a layer that expects channels in `dim` agrees; nothing if it contradicts."""
    dims = axes.of(_operand(op))
    return (dims or (dim,)) if not dims or dims[-1] == dim else ()


def _norm_channels(axes: ChannelAxes, op: Op) -> Dims:
    """Batch, instance and group norm have channels after the batch."""
    return _confirm(axes, op, 1)


def _normalised(op: Op) -> Sequence[int]:
    shape: Sequence[int] = _argument(op, 1, "normalized_shape") or ()
    return shape


def _norm_last(axes: ChannelAxes, op: Op) -> Dims:
    """Layer norm keeps channels where they are; over a single dimension, it has them last."""
    if len(_normalised(op)) == 1:
        return _confirm(axes, op, len(axes.shape(op.outputs[0])) - 1)
    return axes.of(_operand(op))


def says_channels(axes: ChannelAxes, op: Op) -> bool:
    """Return whether an op is PReLU with several slopes, which are those of dimension 1."""
    weight = _operand(op, 1, "weight") if _name(op) == "prelu" else None
    return weight is not None and math.prod(axes.shape(weight)) > 1


def _prelu(axes: ChannelAxes, op: Op) -> Dims:
    return (1,) if says_channels(axes, op) else _align(axes, op)


def _pool(axes: ChannelAxes, op: Op) -> Dims:
    """Pooling keeps channels; where they are not known, they are in front of the pixels."""
    rank = next((int(digit) for digit in _name(op) if digit.isdigit()), 0)
    return axes.of(_operand(op)) or ((len(axes.shape(op.outputs[0])) - 1 - rank,) if rank else ())


# Products with matrices.


def _multiply(axes: ChannelAxes, op: Op, left: int | None, right: int | None) -> Dims:
    """A matrix of weights makes new channels; a product of two values keeps those that it does not sum over."""
    if left is None or right is None:
        return ()
    rows, columns, rank = len(axes.shape(left)), len(axes.shape(right)), len(axes.shape(op.outputs[0]))
    if right in axes.weights:
        return (rank - 1,) if left not in axes.weights and columns > 1 else ()
    if rows > 1 and columns > 1:
        for value, size, summed in ((right, columns, columns - 2), (left, rows, rows - 1)):
            dims = axes.of(value)
            if dims and dims[-1] != summed:
                return tuple(dim + rank - size for dim in dims if dim != summed)
    if left in axes.weights and rows > 1:
        return (rank - min(columns, 2),)
    return ()


def _matmul(axes: ChannelAxes, op: Op) -> Dims:
    return _multiply(axes, op, _operand(op), _operand(op, 1, "other"))


def _addmm(axes: ChannelAxes, op: Op) -> Dims:
    return _multiply(axes, op, _operand(op, 1, "mat1"), _operand(op, 2, "mat2"))


def _baddbmm(axes: ChannelAxes, op: Op) -> Dims:
    return _multiply(axes, op, _operand(op, 1, "batch1"), _operand(op, 2, "batch2"))


def _tensordot(axes: ChannelAxes, op: Op) -> Dims:
    right = _operand(op, 1, "other")
    summed = _argument(op, 2, "dims")
    count = summed if isinstance(summed, int) else len(summed[1]) if isinstance(summed, tuple) else 0
    free = right is not None and right in axes.weights and len(axes.shape(right)) > count
    return _last(axes, op) if free and axes.shape(op.outputs[0]) else ()


def _einsum(axes: ChannelAxes, op: Op) -> Dims:
    """The same for a sum of products, whose equation names the dimensions."""
    equation, *parts = op.args
    if len(parts) == 1 and isinstance(parts[0], tuple):
        parts = list(parts[0])
    values = [part.number for part in parts if isinstance(part, Value)]
    if not isinstance(equation, str):
        return ()
    given, arrow, output = equation.replace(" ", "").partition("->")
    terms = given.split(",")
    if not arrow:
        once = {letter for letter in given if letter.isalpha() and given.count(letter) == 1}
        output = ("..." if "..." in given else "") + "".join(sorted(once))
    # Digits stand for the dimensions that the equation leaves to "...".
    hidden = [len(axes.shape(value)) - len(term.replace("...", "")) for term, value in zip(terms, values, strict=True)]
    digits = "".join(map(str, range(max(hidden))))
    spelled = [term.replace("...", digits[len(digits) - count :]) for term, count in zip(terms, hidden, strict=True)]
    return _read_equation(axes, spelled, output.replace("...", digits), values)


def _read_equation(axes: ChannelAxes, terms: Sequence[str], output: str, values: Sequence[int]) -> Dims:
    pairs = list(zip(terms, values, strict=True))
    others = {letter for term, value in pairs if value not in axes.weights for letter in term}
    new = {letter for term, value in pairs if value in axes.weights for letter in term} - others
    if others and new.intersection(output):
        return tuple(dim for dim, letter in enumerate(output) if letter in new)
    found = set()
    for term, value in pairs:
        letters = [term[dim] for dim in axes.of(value)]
        if letters and letters[-1] in output:
            found.add(tuple(output.index(letter) for letter in letters if letter in output))
    return found.pop() if len(found) == 1 else ()


# Ops that keep channels, move them, or lose them.


def _align(axes: ChannelAxes, op: Op) -> Dims:
    """Elementwise ops keep channels; operands of other shapes are aligned at their last dimensions."""
    output = axes.shape(op.outputs[0])
    found = set()
    for value in op.inputs:
        dims = axes.dims.get(value)
        if dims is None:
            continue
        shape = axes.shape(value)
        if shape == output:
            found.add(dims)
            continue
        shift = len(output) - len(shape)
        fits = shift >= 0 and all(a in (b, 1) for a, b in zip(shape, output[shift:], strict=True))
        if fits and shape[dims[-1]] == output[dims[-1] + shift]:
            found.add(tuple(dim + shift for dim in dims))
    return found.pop() if len(found) == 1 else ()


def _same_rank(axes: ChannelAxes, op: Op) -> Dims:
    """Ops that change sizes alone keep channels."""
    rank = len(axes.shape(op.outputs[0]))
    found = {axes.dims[value] for value in op.inputs if value in axes.dims and len(axes.shape(value)) == rank}
    return found.pop() if len(found) == 1 else ()


def _repeat(axes: ChannelAxes, op: Op) -> Dims:
    """Repetitions may add dimensions in front; other operands show a shape or a type alone."""
    value = op.inputs[0]
    shift = len(axes.shape(op.outputs[0])) - len(axes.shape(value))
    return tuple(dim + shift for dim in axes.of(value)) if shift >= 0 else ()


def _stack(axes: ChannelAxes, op: Op) -> Dims:
    """Stacking adds a dimension."""
    new = (_argument(op, 1, "dim", "axis") or 0) % len(axes.shape(op.outputs[0]))
    found = {axes.dims[value] for value in op.inputs if value in axes.dims}
    return tuple(dim + (dim >= new) for dim in found.pop()) if len(found) == 1 else ()


def _reduce(axes: ChannelAxes, op: Op) -> Dims:
    """Means, sums and the like lose the dimensions that they go over."""
    value = _operand(op)
    dims = axes.of(value)
    if value is None or not dims:
        return ()
    if len(op.inputs) > 1:
        return _align(axes, op)
    rank = len(axes.shape(value))
    over = _argument(op, 2 if "norm" in _name(op) else 1, "dim", "axis")
    # A truth value in this place belongs to a standard deviation, which is then of everything.
    over = range(rank) if over is None or isinstance(over, bool) else (over,) if isinstance(over, int) else over
    gone = {dim % rank for dim in over}
    if dims[-1] in gone:
        return ()
    kept = [dim for dim in dims if dim not in gone]
    if len(axes.shape(op.outputs[0])) == rank:
        return tuple(kept)
    return tuple(dim - sum(other < dim for other in gone) for dim in kept)


def _view(axes: ChannelAxes, op: Op) -> Dims:
    """Views are taken of an empty tensor whose strides show where its channels go."""
    value = _operand(op)
    dims = axes.of(value)
    if value is None or not dims:
        return ()
    shape = axes.shape(value)
    strides, step = [0] * len(shape), 1
    for dim in reversed(dims):
        strides[dim], step = step, step * max(shape[dim], 2)
    probe = torch.empty_strided(shape, strides, device="meta")
    if op.args and isinstance(op.args[0], Value):
        args, kwargs = (probe, *op.args[1:]), op.kwargs
    else:
        args, kwargs = op.args, {**op.kwargs, "input": probe}
    try:
        made = op.func(*args, **kwargs)
    except (RuntimeError, TypeError, IndexError, ValueError):
        return ()
    first = made if isinstance(made, torch.Tensor) else made[0]
    if tuple(first.shape) != axes.shape(op.outputs[0]):
        return ()
    moved = [dim for dim, stride in enumerate(first.stride()) if stride]
    # A new dimension of size 1 has a stride too.
    moved = [dim for dim in moved if first.shape[dim] > 1] or (moved if len(moved) == 1 else [])
    return tuple(sorted(moved, key=first.stride, reverse=True))


def _index(axes: ChannelAxes, op: Op) -> Dims:
    """Slices are views; indices and masks in tensors replace the dimensions that they select from."""
    value = _operand(op)
    if value is None:
        return ()
    index = op.args[1] if len(op.args) > 1 else None
    parts = index if isinstance(index, tuple) else (index,)
    tensors = [part for part in parts if isinstance(part, Value)]
    if not tensors:
        return _view(axes, op)
    if len(tensors) > 1 or not all(isinstance(part, (slice, Value)) or part is ... for part in parts):
        return ()
    place, dots = parts.index(tensors[0]), [at for at, part in enumerate(parts) if part is ...]
    mask = axes.trace.dtypes[tensors[0].number] in (torch.bool, torch.uint8)
    taken = len(axes.shape(tensors[0].number)) if mask else 1
    rank, shift = len(axes.shape(value)), len(axes.shape(op.outputs[0])) - len(axes.shape(value))
    if dots and dots[0] < place:
        place = rank - taken - (len(parts) - place - 1)
    dims = axes.of(value)
    if any(place <= dim < place + taken for dim in dims):
        return dims if taken == 1 and shift == 0 else ()
    return tuple(dim if dim < place else dim + shift for dim in dims)


def _reshape(axes: ChannelAxes, op: Op) -> Dims:
    """Reshapes cut both shapes into the shortest pieces of equal size; channels stay within theirs."""
    value = op.inputs[0]
    dims = axes.of(value)
    return follow_reshape(axes.shape(value), axes.shape(op.outputs[0]), dims) if dims else ()


def _squeeze(axes: ChannelAxes, op: Op) -> Dims:
    """Dimensions of size 1 go, those of channels too."""
    value = op.inputs[0]
    rank, over = len(axes.shape(value)), _argument(op, 1, "dim")
    over = range(rank) if over is None else (over,) if isinstance(over, int) else over
    gone = {dim % rank for dim in over if axes.shape(value)[dim] == 1}
    dims = axes.of(value)
    if not dims or dims[-1] in gone:
        return ()
    return tuple(dim - sum(other < dim for other in gone) for dim in dims if dim not in gone)


def _unsqueeze(axes: ChannelAxes, op: Op) -> Dims:
    """A dimension of size 1 comes in."""
    new = _argument(op, 1, "dim") % len(axes.shape(op.outputs[0]))
    return tuple(dim + (dim >= new) for dim in axes.of(op.inputs[0]))


def _unfold(axes: ChannelAxes, op: Op) -> Dims:
    """Patches hold the channels after the batch; windows of a tensor get a dimension of their own at the end."""
    if len(axes.shape(op.outputs[0])) == len(axes.shape(op.inputs[0])) + 1:
        return axes.of(op.inputs[0])
    return (len(axes.shape(op.outputs[0])) - 2,)


def _fold(axes: ChannelAxes, op: Op) -> Dims:
    return (len(axes.shape(op.outputs[0])) - 3,)


def _lose(axes: ChannelAxes, op: Op) -> Dims:
    """Tables of pairs have no channels."""
    return ()


_RULES: dict[str, Rule] = {
    **dict.fromkeys(("linear", "bilinear", "embedding", "embedding_bag", "one_hot", "pad_packed_sequence"), _last),
    **dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu"), _last),
    **dict.fromkeys(("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"), _last),
    "multi_head_attention_forward": _attention,
    "scaled_dot_product_attention": _attend,
    **dict.fromkeys([f"conv{kind}{rank}d" for kind in ("", "_transpose") for rank in (1, 2, 3)], _convolve),
    **dict.fromkeys(("convolution", "conv_threshold_forward"), _convolve),
    **dict.fromkeys(("batch_norm", "instance_norm", "group_norm", "local_response_norm"), _norm_channels),
    **dict.fromkeys(("layer_norm", "rms_norm"), _norm_last),
    "prelu": _prelu,
    **dict.fromkeys(
        [
            f"{kind}_pool{rank}d{rest}"
            for kind in ("max", "avg", "lp", "adaptive_max", "adaptive_avg", "fractional_max", "max_un")
            for rank in (1, 2, 3)
            for rest in ("", "_with_indices")
        ]
        + ["max_unpool1d", "max_unpool2d", "max_unpool3d"],
        _pool,
    ),
    **dict.fromkeys(("matmul", "linalg_matmul", "bmm", "mm", "mv"), _matmul),
    "addmm": _addmm,
    "baddbmm": _baddbmm,
    "tensordot": _tensordot,
    "einsum": _einsum,
    **dict.fromkeys(
        ("cat", "concat", "concatenate", "interpolate", "upsample", "pad", "glu", "pixel_shuffle"), _same_rank
    ),
    **dict.fromkeys(
        (
            "upsample_nearest",
            "upsample_bilinear",
            "pixel_shuffle",
            "pixel_unshuffle",
            "channel_shuffle",
            "index_select",
        ),
        _same_rank,
    ),
    **dict.fromkeys(("index_add", "index_copy", "scatter", "scatter_add", "scatter_reduce", "gather"), _same_rank),
    **dict.fromkeys(("take_along_dim", "masked_scatter", "repeat_interleave", "topk", "sort", "diff"), _same_rank),
    **dict.fromkeys(("fft", "ifft", "rfft", "irfft", "fft2", "ifft2", "rfft2", "irfft2"), _same_rank),
    **dict.fromkeys(("fft_fft", "fft_ifft", "fft_rfft", "fft_irfft", "fft_rfft2", "fft_irfft2"), _same_rank),
    **dict.fromkeys(("fft_fft2", "fft_ifft2", "grid_sample", "grid_sampler", "vstack", "hstack"), _same_rank),
    **dict.fromkeys(("repeat", "tile", "expand_as", "to", "type_as"), _repeat),
    "crelu_forward": _same_rank,
    "stack": _stack,
    **dict.fromkeys(("mean", "sum", "amax", "amin", "max", "min", "std", "var", "prod", "logsumexp"), _reduce),
    **dict.fromkeys(("median", "norm", "vector_norm", "linalg_vector_norm", "nanmean", "nansum"), _reduce),
    **dict.fromkeys(("argmax", "argmin", "any", "all", "var_mean", "std_mean"), _reduce),
    **dict.fromkeys(("permute", "transpose", "swapaxes", "swapdims", "movedim", "moveaxis", "t", "T", "mT"), _view),
    **dict.fromkeys(("H", "mH", "adjoint", "expand", "broadcast_to", "narrow", "select", "unflatten"), _view),
    **dict.fromkeys(("chunk", "split", "split_with_sizes", "tensor_split", "unbind", "diagonal"), _view),
    **dict.fromkeys(("unsafe_chunk", "unsafe_split", "hsplit", "vsplit", "dsplit"), _view),
    "getitem": _index,
    **dict.fromkeys(("view", "reshape", "view_as", "reshape_as", "flatten", "ravel", "unsafe_view"), _reshape),
    "squeeze": _squeeze,
    "unsqueeze": _unsqueeze,
    "unfold": _unfold,
    "fold": _fold,
    **dict.fromkeys(("cdist", "outer", "ger", "kron", "cov", "corrcoef", "cosine_similarity"), _lose),
}
"""The rule of each function that is not elementwise, by name without underscores."""

_LAST: frozenset[Rule] = frozenset((_last, _attention, _norm_last))
"""Rules of layers that have channels last, whatever the number of dimensions."""

_PRODUCTS: frozenset[Rule] = frozenset((_matmul, _addmm, _baddbmm, _tensordot, _einsum))
"""Rules of products, which are such layers where they are with weights."""

_FIRST: frozenset[Rule] = frozenset((_convolve, _norm_channels))
"""Rules of layers that count the dimension of channels from the front."""
