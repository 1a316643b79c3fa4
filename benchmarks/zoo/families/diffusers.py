"""Networks of diffusers: denoisers and autoencoders, narrow."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import diffusers
import torch
from torch import nn

from ..entry import Entry, Made

TEXT = 8
"""Width of the text that a denoiser is told."""


def entries() -> Iterator[Entry]:
    """Yield the models."""
    for name, (options, example) in _models().items():
        yield Entry(
            f"diffusers/{name}",
            "diffusers",
            functools.partial(_make, name, options),
            lambda _, example=example: example(16),
            lambda _, example=example: example(32),
        )


def _make(name: str, options: dict[str, Any]) -> nn.Module:
    model: nn.Module = getattr(diffusers, name.partition("-")[0])(**options)
    return model


def _image(channels: int, **more: Any) -> Callable[[int], Made]:
    return lambda size: {"sample": torch.randn(2, channels, size, size), **more}


def _noisy(channels: int, **more: Any) -> Callable[[int], Made]:
    """An image and a time; what else is told the denoiser stands in `more`."""
    return _image(channels, timestep=torch.tensor([3, 5]), **more)


def _with_two_widths(coder: dict[str, Any]) -> dict[str, Any]:
    """The options of an autoencoder whose halves may differ."""
    widths = coder["block_out_channels"]
    rest = {name: value for name, value in coder.items() if name != "block_out_channels"}
    return {**rest, "down_block_out_channels": widths, "up_block_out_channels": widths}


def _models() -> dict[str, tuple[dict[str, Any], Callable[[int], Made]]]:
    told = {"encoder_hidden_states": torch.randn(2, 4, TEXT)}
    unet = {"block_out_channels": (8, 16), "layers_per_block": 1, "norm_num_groups": 4, "sample_size": 16}
    blocks = {
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "cross_attention_dim": TEXT,
        "attention_head_dim": 4,
    }
    coder = {
        "block_out_channels": (8, 16),
        "down_block_types": ("DownEncoderBlock2D", "DownEncoderBlock2D"),
        "up_block_types": ("UpDecoderBlock2D", "UpDecoderBlock2D"),
        "norm_num_groups": 4,
        "latent_channels": 2,
    }
    tokens = {"num_attention_heads": 2, "attention_head_dim": 8, "num_layers": 2}
    return {
        "AutoencoderKL": (coder, _image(3)),
        "AutoencoderTiny": (
            {
                "encoder_block_out_channels": (8, 8),
                "decoder_block_out_channels": (8, 8),
                "num_encoder_blocks": (1, 1),
                "num_decoder_blocks": (1, 1),
            },
            _image(3),
        ),
        "AutoencoderDC": (
            {
                "latent_channels": 2,
                "attention_head_dim": 2,
                "encoder_block_types": ("ResBlock", "EfficientViTBlock"),
                "decoder_block_types": ("ResBlock", "EfficientViTBlock"),
                "encoder_block_out_channels": (8, 8),
                "decoder_block_out_channels": (8, 8),
                "encoder_layers_per_block": (1, 1),
                "decoder_layers_per_block": (1, 1),
                "encoder_qkv_multiscales": ((), (5,)),
                "decoder_qkv_multiscales": ((), (5,)),
                "downsample_block_type": "Conv",
                "upsample_block_type": "interpolate",
                "decoder_norm_types": "rms_norm",
                "decoder_act_fns": "silu",
            },
            _image(3),
        ),
        "AsymmetricAutoencoderKL": (
            _with_two_widths(coder),
            _image(3),
        ),
        "VQModel": ({**coder, "num_vq_embeddings": 8}, _image(3)),
        "UNet2DModel": (
            {
                **unet,
                "down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
                "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
            },
            _noisy(3),
        ),
        "UNet2DConditionModel": ({**unet, **blocks}, _noisy(4, **told)),
        "UNet2DConditionModel-gelu": ({**unet, **blocks, "act_fn": "gelu"}, _noisy(4, **told)),
        "DiTTransformer2DModel": (
            {**tokens, "in_channels": 4, "sample_size": 16, "patch_size": 4, "num_embeds_ada_norm": 8},
            lambda size: {
                "hidden_states": torch.randn(size // 8, 4, 16, 16),
                "timestep": torch.ones(size // 8, dtype=torch.long),
                "class_labels": torch.ones(size // 8, dtype=torch.long),
            },
        ),
        "PixArtTransformer2DModel": (
            {
                **tokens,
                "in_channels": 4,
                "out_channels": 4,
                "sample_size": 16,
                "patch_size": 4,
                "cross_attention_dim": 16,
                "caption_channels": TEXT,
                "use_additional_conditions": False,
            },
            lambda size: {
                "hidden_states": torch.randn(2, 4, 16, 16),
                "encoder_hidden_states": torch.randn(2, size // 4, TEXT),
                "timestep": torch.ones(2, dtype=torch.long),
                "added_cond_kwargs": {"resolution": None, "aspect_ratio": None},
            },
        ),
        "SD3Transformer2DModel": (
            {
                **tokens,
                "in_channels": 4,
                "out_channels": 4,
                "sample_size": 16,
                "joint_attention_dim": TEXT,
                "caption_projection_dim": 16,
                "pooled_projection_dim": 8,
                "pos_embed_max_size": 32,
            },
            lambda size: {
                "hidden_states": torch.randn(2, 4, size, size),
                "encoder_hidden_states": torch.randn(2, 4, TEXT),
                "pooled_projections": torch.randn(2, 8),
                "timestep": torch.ones(2, dtype=torch.long),
            },
        ),
        "FluxTransformer2DModel": (
            {
                **tokens,
                "in_channels": 4,
                "num_single_layers": 1,
                "joint_attention_dim": TEXT,
                "pooled_projection_dim": 8,
                "axes_dims_rope": (2, 2, 4),
                "patch_size": 1,
            },
            lambda size: {
                "hidden_states": torch.randn(2, size, 4),
                "encoder_hidden_states": torch.randn(2, 4, TEXT),
                "pooled_projections": torch.randn(2, 8),
                "timestep": torch.ones(2),
                "img_ids": torch.zeros(size, 3),
                "txt_ids": torch.zeros(4, 3),
            },
        ),
        "SanaTransformer2DModel": (
            {
                **tokens,
                "in_channels": 4,
                "out_channels": 4,
                "num_cross_attention_heads": 2,
                "cross_attention_head_dim": 8,
                "cross_attention_dim": 16,
                "caption_channels": TEXT,
                "sample_size": 16,
            },
            lambda size: {
                "hidden_states": torch.randn(2, 4, size, size),
                "encoder_hidden_states": torch.randn(2, 4, TEXT),
                "timestep": torch.ones(2),
            },
        ),
        "AuraFlowTransformer2DModel": (
            {
                "num_attention_heads": 2,
                "attention_head_dim": 8,
                "num_mmdit_layers": 1,
                "num_single_dit_layers": 1,
                "in_channels": 4,
                "out_channels": 4,
                "sample_size": 16,
                "joint_attention_dim": TEXT,
                "caption_projection_dim": 16,
                "pos_embed_max_size": 256,
            },
            lambda size: {
                "hidden_states": torch.randn(2, 4, size, size),
                "encoder_hidden_states": torch.randn(2, 4, TEXT),
                "timestep": torch.ones(2),
            },
        ),
        "PriorTransformer": (
            {**tokens, "embedding_dim": 8, "num_embeddings": 4, "additional_embeddings": 4},
            lambda size: {
                "hidden_states": torch.randn(size // 8, 8),
                "timestep": 2,
                "proj_embedding": torch.randn(size // 8, 8),
                "encoder_hidden_states": torch.randn(size // 8, 4, 8),
            },
        ),
        "StableCascadeUNet": (
            {
                "in_channels": 4,
                "out_channels": 4,
                "patch_size": 1,
                "conditioning_dim": 16,
                "block_out_channels": (16, 16),
                "num_attention_heads": (2, 2),
                "down_num_layers_per_block": (1, 1),
                "up_num_layers_per_block": (1, 1),
                "down_blocks_repeat_mappers": (1, 1),
                "up_blocks_repeat_mappers": (1, 1),
                "block_types_per_layer": (
                    ("SDCascadeResBlock", "SDCascadeTimestepBlock"),
                    ("SDCascadeResBlock", "SDCascadeTimestepBlock", "SDCascadeAttnBlock"),
                ),
                "clip_text_in_channels": 8,
                "clip_text_pooled_in_channels": 8,
                "clip_image_in_channels": 8,
                "clip_seq": 2,
            },
            lambda size: {
                "sample": torch.randn(2, 4, size, size),
                "timestep_ratio": torch.rand(2),
                "clip_text_pooled": torch.randn(2, 1, 8),
                "clip_text": torch.randn(2, 4, 8),
                "clip_img": torch.randn(2, 1, 8),
            },
        ),
    }
