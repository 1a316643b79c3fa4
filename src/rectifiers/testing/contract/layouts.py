"""Shapes, memory layouts and safety of the input."""

from __future__ import annotations

from fractions import Fraction

import torch

from ..samples import BATCH, CHANNELS, SIDE, Class, build, default_rank, demand, inputs, sample


def check_rank(cls: Class, rank: int) -> None:
    """An input of that many dimensions keeps its shape, but for the channels."""
    module, x = sample(cls, rank)
    expected = list(x.shape)
    if module.spec.kind == "convolution":
        channel_axis = rank - default_rank(module.spec) + 1
        expected[channel_axis:] = [3, *(SIDE - 1 for _ in expected[channel_axis + 1 :])]
    elif module.spec.kind == "channelwise":
        dimension = getattr(module, "channel_dim", 1)
        expected[dimension] = int(expected[dimension] * Fraction(module.channel_factor))
    found = list(module(x).shape)
    demand(found == expected, f"the shape {tuple(x.shape)} becomes {tuple(found)}, not {tuple(expected)}")


def check_empty_batch(cls: Class) -> None:
    """A batch of nothing gives a batch of nothing, and gradients of its shape."""
    module, x = sample(cls)
    empty = x[:0].clone().requires_grad_()
    out = module(empty)
    demand(out.shape == (0, *module(x).shape[1:]), f"an empty batch gives the shape {tuple(out.shape)}")
    out.sum().backward()
    demand(empty.grad is not None and empty.grad.shape == empty.shape, "an empty batch gets no gradient")


def check_non_contiguous(cls: Class) -> None:
    """Strided and transposed inputs give what contiguous ones give."""
    module, x = sample(cls)
    expected = module(x)
    strided = torch.stack([x, x + 1], dim=-1)[..., 0]
    transposed = x.transpose(0, -1).contiguous().transpose(0, -1)
    for other in (strided, transposed):
        assert not other.is_contiguous()
        torch.testing.assert_close(module(other), expected)


def check_channels_last(cls: Class) -> None:
    """Images with channels innermost stay so."""
    module = build(cls, 4)
    x = inputs(module, BATCH, CHANNELS, SIDE, SIDE)
    last = x.to(memory_format=torch.channels_last)
    if module.spec.kind == "convolution":
        module = module.to(memory_format=torch.channels_last)
    out = module(last)
    torch.testing.assert_close(out, module(x))
    demand(out.is_contiguous(memory_format=torch.channels_last), "channels_last is lost, which costs copies")


def check_input_stays(cls: Class, training: bool) -> None:
    """Neither the call nor its derivative writes over the input."""
    module, x = sample(cls)
    module.train(training)
    before = x.clone()
    leaf = x.requires_grad_()
    module(leaf).square().sum().backward()
    demand(torch.equal(x, before), "the input is changed")


def check_own_memory(cls: Class) -> None:
    """Writing over the output, as networks do, does not reach the input, unless it is the identity's."""
    module, x = sample(cls)
    before = x.clone()
    with torch.no_grad():
        out = module(x)
        if out is x:
            demand(module.spec.equation == "x", "the input itself comes out")
        else:
            out.add_(1)
            demand(torch.equal(x, before), "the output shares memory with the input")
