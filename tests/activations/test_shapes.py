"""Shapes, memory layouts and safety of the input."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch

from rectifiers.activations import channel_factor, registry
from rectifiers.core.errors import DtypeError, ShapeError
from rectifiers.testing.contract import layouts

from .samples import BATCH, CHANNELS, NAMES, SIDE, build, default_rank, inputs, names, ranks, sample, spec_of

RANKS = [(name, rank) for name in NAMES for rank in ranks(spec_of(name))]
ELEMENTWISE = names(lambda spec: spec.kind == "elementwise")


@pytest.mark.parametrize(("name", "rank"), RANKS)
def test_every_rank_keeps_its_shape_but_for_the_channels(name: str, rank: int) -> None:
    layouts.check_rank(registry.get(name), rank)


@pytest.mark.parametrize("name", NAMES)
def test_channel_factor_is_the_specs_at_the_default_arguments(name: str) -> None:
    module = build(name)
    expected = (3, CHANNELS) if module.spec.kind == "convolution" else module.spec.channel_factor
    assert channel_factor(module) == Fraction(*expected)


@pytest.mark.parametrize("name", NAMES)
def test_empty_batch(name: str) -> None:
    layouts.check_empty_batch(registry.get(name))


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_zero_dimensional_input(name: str) -> None:
    module = build(name, 0)
    x = inputs(module, 1)
    assert torch.equal(module(x[0]), module(x)[0])


@pytest.mark.parametrize("name", NAMES)
def test_non_contiguous_input(name: str) -> None:
    layouts.check_non_contiguous(registry.get(name))


@pytest.mark.parametrize("name", names(lambda spec: 4 in ranks(spec) and default_rank(spec) in (3, 4)))
def test_channels_last_is_preserved(name: str) -> None:
    layouts.check_channels_last(registry.get(name))


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_channels_last_3d_is_preserved(name: str) -> None:
    module, x = sample(name, 5)
    assert module(x.to(memory_format=torch.channels_last_3d)).is_contiguous(memory_format=torch.channels_last_3d)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_input_is_never_changed(name: str, training: bool) -> None:
    layouts.check_input_stays(registry.get(name), training)


@pytest.mark.parametrize("name", NAMES)
def test_output_is_memory_of_its_own(name: str) -> None:
    """In-place operations on the output, as networks do, must not reach the input, unless it is the identity's."""
    layouts.check_own_memory(registry.get(name))


@pytest.mark.parametrize(
    "wrong",
    [torch.arange(24).reshape(2, 4, 3), torch.zeros(2, 4, 3, dtype=torch.complex64)],
    ids=["int64", "complex64"],
)
@pytest.mark.parametrize("name", NAMES)
def test_wrong_dtype_says_what_was_given(name: str, wrong: torch.Tensor) -> None:
    module = build(name)
    wrong = wrong.reshape(2, 4, *(1 for _ in range(default_rank(module.spec) - 3)), 3)
    with pytest.raises(DtypeError, match=str(wrong.dtype).replace(".", r"\.")) as caught:
        module(wrong)
    assert "floating-point" in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_no_tensor_at_all(name: str) -> None:
    with pytest.raises(DtypeError, match="expected a tensor, got list"):
        build(name)([1.0, 2.0])


@pytest.mark.parametrize("name", names(lambda spec: spec.ranks[0] > 0 or spec.ranks[1] is not None))
def test_rank_outside_the_spec_names_the_shape(name: str) -> None:
    module = build(name)
    low, high = module.spec.ranks
    for rank in {low - 1, (low if high is None else high) + 1}:
        if rank >= 0 and rank not in ranks(module.spec, most=8):
            sizes = (2, 4, 3, 3, 3, 3)[:rank]
            with pytest.raises(ShapeError) as caught:
                module(torch.zeros(sizes, dtype=torch.float64))
            assert str(sizes) in str(caught.value)


@pytest.mark.parametrize("name", names(lambda spec: spec.kind == "channelwise"))
def test_channel_dim_of_channelwise_functions(name: str) -> None:
    module = build(name)
    x = inputs(module, BATCH, CHANNELS, SIDE)
    moved = build(name, channel_dim=-1)(x.movedim(1, -1).contiguous())
    torch.testing.assert_close(moved.movedim(-1, 1), module(x))


@pytest.mark.parametrize("name", names(lambda spec: spec.kind == "channelwise"))
def test_missing_channel_dimension_names_shape_and_dimension(name: str) -> None:
    with pytest.raises(ShapeError, match=r"dimension 7.*\(2, 4, 3\)"):
        build(name, channel_dim=7)(torch.zeros(2, 4, 3))


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("share", ["layer", "channel"])
@pytest.mark.parametrize("name", names(lambda spec: spec.kind == "elementwise" and spec.parameters))
def test_jagged_input_is_computed_sample_by_sample(name: str, share: str) -> None:
    module = registry.get(name)(share=share, channels=3, channel_dim=-1).eval()
    samples = [torch.randn(2, 3), torch.randn(5, 3)]
    jagged = torch.nested.nested_tensor(samples, layout=torch.jagged, requires_grad=True)
    out = module(jagged)
    for y, x in zip(out.unbind(), samples, strict=True):
        torch.testing.assert_close(y, module(x[None])[0])
    out.values().sum().backward()
    got = [parameter.grad.clone() for parameter in module.parameters()]
    module.zero_grad()
    torch.stack([module(x[None]).sum() for x in samples]).sum().backward()
    for gradient, parameter in zip(got, module.parameters(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad)
    assert jagged.grad is not None


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_channels_in_the_dimension_whose_length_differs_are_refused() -> None:
    module = registry.get("pvlu")(channels=3, channel_dim=1)
    x = torch.nested.nested_tensor([torch.randn(2, 3), torch.randn(5, 3)], layout=torch.jagged)
    with pytest.raises(ShapeError, match=r"dimension 1 of a nested tensor of shape .*channel_dim"):
        module(x)


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("channel_dim", [5, -4])
def test_a_dimension_that_a_nested_tensor_lacks_is_refused(channel_dim: int) -> None:
    module = registry.get("pvlu")(channels=3, channel_dim=channel_dim)
    x = torch.nested.nested_tensor([torch.randn(2, 3), torch.randn(5, 3)], layout=torch.jagged)
    with pytest.raises(ShapeError, match=rf"channels are expected in dimension {channel_dim}, but the input has shape"):
        module(x)
    assert registry.get("arelu")(channel_dim=channel_dim)(x).shape == x.shape


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("share", ["layer", "channel"])
@pytest.mark.parametrize("channel_dim", [2, -1])
def test_poly_norm_takes_its_mean_over_the_channels_of_jagged_input(share: str, channel_dim: int) -> None:
    module = registry.get("poly_norm")(share=share, channels=4, channel_dim=channel_dim)
    samples = [torch.randn(2, 4, 4), torch.randn(5, 4, 4)]
    out = module(torch.nested.nested_tensor(samples, layout=torch.jagged))
    for y, x in zip(out.unbind(), samples, strict=True):
        torch.testing.assert_close(y, module(x[None])[0])


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("channel_dim", [0, 1])
def test_poly_norm_takes_no_mean_over_a_dimension_in_which_samples_differ(channel_dim: int) -> None:
    x = torch.nested.nested_tensor([torch.randn(2, 3), torch.randn(5, 3)], layout=torch.jagged)
    with pytest.raises(ShapeError, match=rf"nested tensor .* differ in dimension {channel_dim}.*give .* channel_dim"):
        registry.get("poly_norm")(channel_dim=channel_dim)(x)
