"""The dimension of the channels behind every usual way to make, keep, move and lose them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rectifiers.watching.sites import Site
from rectifiers.watching.survey import find_sites

N, L, C, D = 2, 7, 16, 4
"""Batch, length, channels, and features of the input."""


class Parts(nn.Module):
    """Layers to make patterns of; all put `C` channels out, of `D` features where they do not say otherwise."""

    def __init__(self, forward: Callable[[Any, Tensor], Tensor]) -> None:
        super().__init__()
        self.pattern = forward
        self.linear, self.same, self.twofold = nn.Linear(D, C), nn.Linear(C, C), nn.Linear(D, 2 * C)
        self.tokens, self.score = nn.Linear(L, L), nn.Linear(C, 1)
        self.weight, self.vector = nn.Parameter(torch.randn(D, C)), nn.Parameter(torch.randn(C))
        self.many = nn.Parameter(torch.randn(3, D, C))
        self.conv1, self.conv2, self.conv3 = nn.Conv1d(D, C, 3), nn.Conv2d(D, C, 3), nn.Conv3d(D, C, 3)
        self.up1, self.up2 = nn.ConvTranspose1d(D, C, 2), nn.ConvTranspose2d(D, C, 2)
        self.norm, self.layer_norm = nn.BatchNorm1d(C), nn.LayerNorm(C)
        self.table, self.gru = nn.Embedding(9, C), nn.GRU(D, C, batch_first=True)
        self.lstm, self.cell = nn.LSTM(D, C), nn.GRUCell(D, C)
        self.attention = nn.MultiheadAttention(C, 2, batch_first=True)
        self.down, self.lift = nn.Linear(D, 2, bias=False), nn.Linear(2, C, bias=False)
        self.register_buffer("graph", torch.rand(L, L))

    def forward(self, x: Tensor) -> Tensor:
        return self.pattern(self, x)


def heads(s: Any, x: Tensor) -> Tensor:
    """(N, L, D) → (N, heads, L, C/heads)."""
    made: Tensor = s.linear(x).view(len(x), -1, 4, C // 4).transpose(1, 2)
    return made


def conv1d_of_gpt(s: Any, x: Tensor) -> Tensor:
    return torch.addmm(s.vector, x.view(-1, x.size(-1)), s.weight).view(*x.shape[:-1], C)


def mix_ffn(s: Any, x: Tensor) -> Tensor:
    x = s.linear(x).transpose(1, 2).reshape(len(x), C, -1, 1)
    return F.conv2d(x, torch.ones(C, 1, 1, 1), groups=C).flatten(2).transpose(1, 2)


def windows(s: Any, x: Tensor) -> Tensor:
    x = s.conv2(x).permute(0, 2, 3, 1)
    x = x.view(len(x), 2, 3, 2, 3, C).permute(0, 1, 3, 2, 4, 5).contiguous().view(-1, 9, C)
    return x.view(N, 2, 2, 3, 3, C).permute(0, 1, 3, 2, 4, 5).reshape(N, 6, 6, C)


TOKENS: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "linear": lambda s, x: s.linear(x),
    "functional linear": lambda s, x: F.linear(x, s.weight.T, s.vector),
    "functional linear of a view": lambda s, x: F.linear(x.reshape(-1, D), s.weight.T).view(N, -1, C),
    "layer norm": lambda s, x: F.layer_norm(x, (D,)).repeat(1, 1, 4),
    "rms norm": lambda s, x: F.rms_norm(s.linear(x), (C,)),
    "GPT-2": conv1d_of_gpt,
    "SegFormer": mix_ffn,
    "chunk": lambda s, x: s.twofold(x).chunk(2, -1)[0],
    "split": lambda s, x: s.twofold(x).split(C, dim=-1)[1],
    "split in two sizes": lambda s, x: torch.split(s.twofold(x), (C, C), 2)[1],
    "unbind": lambda s, x: s.twofold(x).view(N, -1, 2, C).unbind(2)[0],
    "slice": lambda s, x: s.twofold(x)[..., :C],
    "slice with a step": lambda s, x: s.twofold(x)[..., ::2],
    "narrow": lambda s, x: s.twofold(x).narrow(-1, 0, C),
    "select": lambda s, x: s.linear(x).unsqueeze(1).select(1, 0),
    "glu": lambda s, x: F.glu(s.twofold(x)),
    "to": lambda s, x: s.linear(x).to(torch.float64),
    "float": lambda s, x: s.linear(x).float(),
    "to the type of other channels": lambda s, x: s.linear(x).type_as(torch.ones(N, 1, 1)).to(s.linear(x).mT),
    "expand_as": lambda s, x: s.linear(x[:, :1]).expand_as(s.linear(x)),
    "layer norm of an input": lambda s, x: F.layer_norm(x.repeat(1, 1, 4), (C,)),
    "type_as": lambda s, x: s.linear(x).type_as(x),
    "LoRA": lambda s, x: s.linear(x) + s.lift(s.down(x.to(s.down.weight.dtype))) * 2.0,
    "LoRA in matrices": lambda s, x: s.linear(x) + (x @ s.down.weight.T) @ s.lift.weight.T,
    "merged LoRA": lambda s, x: F.linear(x, s.linear.weight + s.lift.weight @ s.down.weight),
    "@": lambda s, x: x @ s.weight,
    "matmul": lambda s, x: torch.matmul(x, s.weight),
    "bmm": lambda s, x: torch.bmm(x, s.weight.expand(len(x), -1, -1)),
    "baddbmm": lambda s, x: torch.baddbmm(s.vector, x, s.weight.expand(len(x), -1, -1)),
    "experts": lambda s, x: x.new_zeros(3, 5, D).add(x.mean()) @ s.many,
    "tensordot": lambda s, x: torch.tensordot(x, s.weight, dims=([2], [0])),
    "einsum": lambda s, x: torch.einsum("nld,dc->nlc", x, s.weight),
    "einsum with dots": lambda s, x: torch.einsum("...d,dc->...c", x, s.weight),
    "einsum without an output": lambda s, x: torch.einsum("abd,dz", x, s.weight),
    "einsum of features and weights": lambda s, x: torch.einsum("nlc,c->nlc", s.linear(x), s.vector),
    "reshape": lambda s, x: s.linear(x.reshape(-1, D)).reshape(N, -1, C),
    "view with -1": lambda s, x: s.linear(x.view(-1, D)).view(N, -1, C),
    "unflatten": lambda s, x: s.linear(x.flatten(0, 1)).unflatten(0, (N, -1)),
    "reshape_as": lambda s, x: s.norm(s.linear(x).flatten(0, 1)).reshape_as(s.linear(x)),
    "transpose, norm, transpose": lambda s, x: s.norm(s.linear(x).transpose(1, 2)).transpose(1, 2),
    "permute": lambda s, x: s.conv1(x.permute(0, 2, 1)).permute(0, 2, 1),
    "movedim": lambda s, x: s.conv1(x.movedim(-1, 1)).movedim(1, -1),
    "swapaxes": lambda s, x: s.conv1(x.swapaxes(1, 2)).swapaxes(1, 2),
    "mT": lambda s, x: s.conv1(x.mT).mT,
    "cat of features": lambda s, x: torch.cat([s.linear(x), s.linear(x)], -1),
    "cat of tokens": lambda s, x: torch.cat([s.linear(x), s.linear(x)], dim=1),
    "stack": lambda s, x: torch.stack([s.linear(x), s.linear(x)], 1),
    "stack and sum": lambda s, x: torch.stack([s.linear(x), s.linear(x)]).sum(0),
    "division": lambda s, x: s.linear(x) / 2,
    "subtraction": lambda s, x: 1 - s.linear(x),
    "power": lambda s, x: s.linear(x) ** 2,
    "by positions": lambda s, x: s.linear(x) * torch.arange(x.size(1)).view(1, -1, 1),
    "by a gate": lambda s, x: s.linear(x) * s.score(s.linear(x)).sigmoid(),
    "by a gate of channels": lambda s, x: s.linear(x) * s.linear(x).mean(1, keepdim=True).sigmoid(),
    "in place": lambda s, x: s.linear(x).add_(1).mul_(2),
    "masked": lambda s, x: s.linear(x).masked_fill(x[..., :1] > 0, 0.0),
    "where": lambda s, x: torch.where(x[..., :1] > 0, s.linear(x), 0.0),
    "contiguous": lambda s, x: s.linear(x).contiguous(),
    "clone and detach": lambda s, x: s.linear(x).clone().detach(),
    "softmax": lambda s, x: s.linear(x).softmax(-1),
    "dropout": lambda s, x: F.dropout(s.linear(x), 0.5),
    "normalize": lambda s, x: F.normalize(s.linear(x), dim=-1),
    "cumsum": lambda s, x: s.linear(x).cumsum(1),
    "flip and roll": lambda s, x: s.linear(x).flip(1).roll(1, 1),
    "pad": lambda s, x: F.pad(s.linear(x), (0, 0, 0, 1)),
    "pooled tokens": lambda s, x: F.avg_pool1d(s.linear(x).mT, 2).mT,
    "expand": lambda s, x: s.linear(x[:, :1]).expand(-1, 5, -1),
    "repeat": lambda s, x: s.linear(x[:, 0]).repeat(3, 1, 1),
    "index": lambda s, x: s.linear(x)[:, torch.tensor([0, 2])],
    "mask": lambda s, x: s.linear(x)[:, torch.arange(x.size(1)) > 1],
    "index behind dots": lambda s, x: s.linear(x)[..., torch.tensor([0, 2]), :],
    "index_select": lambda s, x: s.linear(x).index_select(1, torch.tensor([0, 2])),
    "new dimension": lambda s, x: s.linear(x)[:, None],
    "embedding": lambda s, x: s.table((x[..., 0] > 0).long()),
    "GRU": lambda s, x: s.gru(x)[0],
    "LSTM": lambda s, x: s.lstm(x.transpose(0, 1))[0],
    "multi-head attention": lambda s, x: s.attention(s.linear(x), s.linear(x), s.linear(x))[0],
    "heads": heads,
    "attention by hand": lambda s, x: (heads(s, x) @ heads(s, x).mT).softmax(-1) @ heads(s, x),
    "scaled attention": lambda s, x: F.scaled_dot_product_attention(*[heads(s, x)] * 3),
    "heads and back": lambda s, x: heads(s, x).transpose(1, 2).reshape(N, -1, C),
    "a graph": lambda s, x: s.graph @ s.linear(x[:, :L]),
}
"""(N, L, D) → values whose channels are last."""

CHANNELS_LAST_SIZE = {"layer norm": 16, "cat of features": 2 * C, "heads": 4, "attention by hand": 4}
CHANNELS_LAST_SIZE |= {"scaled attention": 4}


def site_of(pattern: Callable[[Any, Tensor], Tensor], *shape: int) -> Site:
    torch.manual_seed(0)
    *_, site = find_sites(Parts(lambda s, x: F.relu(pattern(s, x))).eval(), torch.randn(shape))
    return site


@pytest.mark.parametrize("name", TOKENS)
def test_channels_of_tokens_are_last(name: str) -> None:
    site = site_of(TOKENS[name], N, L, D)
    assert (site.channel_dim, site.channels) == (-1, CHANNELS_LAST_SIZE.get(name, C))


IMAGES: dict[str, tuple[Callable[[Any, Tensor], Tensor], tuple[int, ...], int, int]] = {
    "conv1d": (lambda s, x: s.conv1(x), (N, D, 9), 1, C),
    "conv2d": (lambda s, x: s.conv2(x), (N, D, 8, 8), 1, C),
    "conv3d": (lambda s, x: s.conv3(x), (N, D, 8, 8, 8), 1, C),
    "transposed": (lambda s, x: s.up2(x), (N, D, 8, 8), 1, C),
    "transposed in one dimension": (lambda s, x: s.up1(x), (N, D, 8), 1, C),
    "unbatched conv1d": (lambda s, x: s.conv1(x), (D, 9), -2, C),
    "unbatched conv2d": (lambda s, x: s.conv2(x), (D, 8, 8), -3, C),
    "unbatched conv3d": (lambda s, x: s.conv3(x), (D, 8, 8, 8), -4, C),
    "squeezed": (lambda s, x: s.conv2(x.unsqueeze(0)).squeeze(0), (D, 8, 8), -3, C),
    "pooled": (lambda s, x: F.max_pool2d(s.conv2(x), 2), (N, D, 8, 8), 1, C),
    "a pool of the input": (lambda s, x: F.avg_pool2d(x, 2), (N, D, 8, 8), 1, D),
    "global mean": (lambda s, x: s.conv2(x).mean((2, 3), keepdim=True), (N, D, 8, 8), 1, C),
    "global mean in two dimensions": (lambda s, x: s.conv2(x).mean((2, 3)), (N, D, 8, 8), 1, C),
    "mean of a single axis": (lambda s, x: s.conv2(x).amax(-1), (N, D, 8, 8), 1, C),
    "interpolate": (lambda s, x: F.interpolate(s.conv2(x), scale_factor=2), (N, D, 8, 8), 1, C),
    "pixel shuffle": (lambda s, x: F.pixel_shuffle(s.conv2(x), 2), (N, D, 8, 8), 1, C // 4),
    "pad": (lambda s, x: F.pad(s.conv2(x), (1, 1, 1, 1)), (N, D, 8, 8), 1, C),
    "batch norm": (lambda s, x: F.batch_norm(x, None, None, training=True), (N, D, 8), 1, D),
    "group norm": (lambda s, x: F.group_norm(x, 2), (N, D, 8), 1, D),
    "instance norm": (lambda s, x: F.instance_norm(x), (N, D, 8), 1, D),
    "layer norm over the image": (lambda s, x: F.layer_norm(s.conv2(x), (C, 6, 6)), (N, D, 8, 8), 1, C),
    "channels last": (lambda s, x: s.conv2(x).permute(0, 2, 3, 1), (N, D, 8, 8), -1, C),
    "ConvNeXt": (lambda s, x: s.same(s.layer_norm(s.conv2(x).permute(0, 2, 3, 1))), (N, D, 8, 8), -1, C),
    "ConvNeXt and back": (lambda s, x: s.same(s.conv2(x).movedim(1, -1)).movedim(-1, 1), (N, D, 8, 8), 1, C),
    "windows": (windows, (N, D, 8, 8), -1, C),
    "patches": (lambda s, x: s.conv2(x).flatten(2).transpose(1, 2), (N, D, 8, 8), -1, C),
    "patches of the image": (lambda s, x: F.unfold(s.conv2(x), 2), (N, D, 8, 8), 1, 4 * C),
    "channel shuffle": (
        lambda s, x: s.conv2(x).view(N, 4, C // 4, 6, 6).transpose(1, 2).reshape(N, C, 6, 6),
        (N, D, 8, 8),
        1,
        C,
    ),
    "space to depth": (
        lambda s, x: s.conv2(x).view(N, C, 3, 2, 3, 2).permute(0, 1, 3, 5, 2, 4).reshape(N, 4 * C, 3, 3),
        (N, D, 8, 8),
        1,
        4 * C,
    ),
    "patches of pixels": (
        lambda s, x: s.conv2(x).view(N, C, 3, 2, 3, 2).permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2),
        (N, D, 8, 8),
        -1,
        4 * C,
    ),
    "frames": (lambda s, x: s.conv2(x.flatten(0, 1)).unflatten(0, (N, 3)), (N, 3, D, 8, 8), 2, C),
    "cat of channels": (lambda s, x: torch.cat([s.conv2(x), s.conv2(x)], 1), (N, D, 8, 8), 1, 2 * C),
    "stack": (lambda s, x: torch.stack([s.conv2(x), s.conv2(x)], 1), (N, D, 8, 8), 2, C),
    "gate": (lambda s, x: s.conv2(x) * s.conv2(x).mean((2, 3))[:, :, None, None], (N, D, 8, 8), 1, C),
    "gate from a linear layer": (
        lambda s, x: s.conv2(x) * s.same(s.conv2(x).mean((2, 3))).view(N, C, 1, 1),
        (N, D, 8, 8),
        1,
        C,
    ),
    "spatial gate": (lambda s, x: s.conv2(x) * s.conv2(x).mean(1, keepdim=True).sigmoid(), (N, D, 8, 8), 1, C),
    "linear over the tokens": (lambda s, x: s.tokens(s.linear(x).mT), (N, L, D), -1, L),
    "a weight on the left": (lambda s, x: s.weight.T @ x, (N, D, 9), 1, C),
    "rows": (lambda s, x: s.linear(x), (N, D), -1, C),
    "rows transposed": (lambda s, x: s.linear(x).T, (N, D), -2, C),
    "a cell": (lambda s, x: s.cell(x), (N, D), -1, C),
    "flat": (lambda s, x: s.conv2(x).flatten(1), (N, D, 8, 8), 1, 36 * C),
    "a vector": (lambda s, x: s.linear(x), (D,), -1, C),
    "a mean over the batch": (lambda s, x: s.linear(x).mean(0), (N, D), -1, C),
    "one example of a batch": (lambda s, x: s.linear(x)[0], (N, D), -1, C),
    "rows of a product": (lambda s, x: x @ s.weight, (N, D), -1, C),
    "rows of tables": (lambda s, x: s.table(x.argmax(1)), (N, D), -1, C),
    "rows and a bias": (lambda s, x: s.linear(x) + s.vector, (N, D), -1, C),
    "rows by batch norm": (lambda s, x: s.norm(s.linear(x)), (N, D), 1, C),
    "rows of images and others": (lambda s, x: s.conv2(x).mean((2, 3)) + s.vector, (N, D, 8, 8), 1, C),
    "a mean over the tokens": (lambda s, x: s.linear(x).mean(-2), (N, L, D), -1, C),
    "one token of each example": (lambda s, x: s.linear(x)[:, 0], (N, L, D), -1, C),
    "a masked batch": (lambda s, x: s.linear(x)[x[..., 0] > 0], (N, L, D), -1, C),
}
"""Pattern, shape of the input, and where how many channels are."""


@pytest.mark.parametrize("name", IMAGES)
def test_channels_are_where_the_layers_put_them(name: str) -> None:
    pattern, shape, dim, channels = IMAGES[name]
    site = site_of(pattern, *shape)
    assert (site.channel_dim, site.channels) == (dim, channels)


UNKNOWN: dict[str, tuple[Callable[[Any, Tensor], Tensor], tuple[int, ...]]] = {
    "the input": (lambda s, x: x, (N, L, D)),
    "scores of attention": (lambda s, x: s.linear(x) @ s.linear(x).mT, (N, L, D)),
    "scores of attention by einsum": (lambda s, x: torch.einsum("nlc,nmc->nlm", *[s.linear(x)] * 2), (N, L, D)),
    "scores of heads": (lambda s, x: heads(s, x) @ heads(s, x).mT, (N, L, D)),
    "batch and channels together": (lambda s, x: s.conv2(x).view(N * C, 6, 6), (N, D, 8, 8)),
    "batch of one and channels together": (lambda s, x: s.conv2(x).view(-1, 6, 6), (1, D, 8, 8)),
    "a sum of both": (lambda s, x: s.conv1(x.mT) + F.linear(x, torch.ones(L - 2, D))[:, :1], (N, L, D)),
    "channels taken together": (lambda s, x: s.conv2(x).mean(1), (N, D, 8, 8)),
    "one of the channels": (lambda s, x: s.conv2(x)[:, 0], (N, D, 8, 8)),
    "norms that contradict": (lambda s, x: F.batch_norm(s.linear(x), None, None, training=True), (N, L, D)),
    "a deviation of everything": (lambda s, x: s.linear(x).std(False), (N, L, D)),
    "indices of all kinds": (lambda s, x: s.linear(x)[torch.tensor([0]), [1, 2], None], (N, L, D)),
    "distances": (lambda s, x: torch.cdist(s.linear(x), s.linear(x)), (N, L, D)),
    "a score for each example": (lambda s, x: s.linear(x).sum(1), (N, D)),
    "a number": (lambda s, x: s.linear(x).sum(), (N, D)),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_nothing_is_guessed(name: str) -> None:
    pattern, shape = UNKNOWN[name]
    site = site_of(pattern, *shape)
    assert (site.channel_dim, site.channels) == (None, 1)


@pytest.mark.parametrize(
    ("layer", "shape", "dim"),
    [
        (nn.Conv2d(D, 3, 1), (N, D, 8, 8), 1),
        (nn.Conv2d(D, 3, 1), (D, 8, 8), -3),
        (nn.Linear(D, 3), (N, L, D), -1),
        (nn.BatchNorm1d(D), (N, D, L), 1),
        (nn.BatchNorm1d(D), (N, D), 1),
        (nn.Linear(D, 3), (N, D), -1),
        (nn.Softmax(1), (N, D), 1),
        (nn.LayerNorm(D), (N, L, D), -1),
        (nn.GRU(D, 3), (N, L, D), -1),
    ],
)
def test_what_reads_the_input_tells_where_its_channels_are(layer: nn.Module, shape: tuple[int, ...], dim: int) -> None:
    (site,) = find_sites(nn.Sequential(nn.ReLU(), nn.Dropout(), layer), shape)
    assert (site.channel_dim, site.channels) == (dim, D)


def test_the_slopes_of_a_prelu_say_where_its_channels_are() -> None:
    (site,) = find_sites(nn.Sequential(nn.Linear(D, L), nn.PReLU(L)), (N, L, D))
    assert (site.channel_dim, site.channels) == (1, L)
    (site,) = find_sites(nn.Sequential(nn.Linear(D, L), nn.PReLU()), (N, L, D))
    assert (site.channel_dim, site.channels) == (-1, L)
