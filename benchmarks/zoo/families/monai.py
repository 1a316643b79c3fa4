"""Networks of MONAI for medical images, in two and three dimensions, narrow."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import torch
from monai.networks import nets
from torch import nn

from ..entry import Entry

# Class, its arguments, the shape of an example, and that of another; None where it takes no other.
NETS: tuple[tuple[str, dict[str, Any], tuple[int, ...], tuple[int, ...] | None], ...] = (
    (
        "AttentionUnet",
        {"spatial_dims": 2, "in_channels": 1, "out_channels": 2, "channels": (4, 8, 16), "strides": (2, 2)},
        (2, 1, 32, 32),
        (1, 1, 48, 48),
    ),
    (
        "AutoEncoder",
        {"spatial_dims": 2, "in_channels": 1, "out_channels": 1, "channels": (4, 8), "strides": (2, 2)},
        (2, 1, 32, 32),
        (1, 1, 48, 48),
    ),
    (
        "BasicUNet",
        {"spatial_dims": 3, "out_channels": 2, "features": (4, 4, 8, 8, 8, 4)},
        (1, 1, 32, 32, 32),
        (1, 1, 32, 32, 48),
    ),
    (
        "BasicUNetPlusPlus",
        {"spatial_dims": 2, "out_channels": 2, "features": (4, 4, 8, 8, 8, 4)},
        (2, 1, 32, 32),
        (1, 1, 48, 48),
    ),
    (
        "Classifier",
        {"in_shape": (1, 16, 16), "classes": 3, "channels": (4, 8), "strides": (2, 2)},
        (2, 1, 16, 16),
        (3, 1, 16, 16),
    ),
    ("Critic", {"in_shape": (1, 16, 16), "channels": (4, 8), "strides": (2, 2)}, (2, 1, 16, 16), (3, 1, 16, 16)),
    (
        "DenseNet",
        {
            "spatial_dims": 3,
            "in_channels": 1,
            "out_channels": 2,
            "init_features": 8,
            "growth_rate": 4,
            "block_config": (2, 2),
        },
        (2, 1, 16, 16, 16),
        (1, 1, 24, 24, 24),
    ),
    ("Discriminator", {"in_shape": (1, 16, 16), "channels": (4, 8), "strides": (2, 2)}, (2, 1, 16, 16), (3, 1, 16, 16)),
    (
        "DynUNet",
        {
            "spatial_dims": 2,
            "in_channels": 1,
            "out_channels": 2,
            "kernel_size": [3, 3, 3],
            "strides": [1, 2, 2],
            "upsample_kernel_size": [2, 2],
            "filters": [4, 8, 16],
        },
        (2, 1, 32, 32),
        (1, 1, 48, 48),
    ),
    (
        "EfficientNetBN",
        {"model_name": "efficientnet-b0", "pretrained": False, "spatial_dims": 2, "in_channels": 1, "num_classes": 3},
        (2, 1, 32, 32),
        (2, 1, 64, 64),
    ),
    (
        "FlexibleUNet",
        {"in_channels": 3, "out_channels": 2, "backbone": "efficientnet-b0"},
        (2, 3, 64, 64),
        (1, 3, 96, 96),
    ),
    ("FullyConnectedNet", {"in_channels": 8, "out_channels": 2, "hidden_channels": [16, 16]}, (2, 8), (5, 8)),
    (
        "Generator",
        {"latent_shape": (4,), "start_shape": (4, 4, 4), "channels": (8, 4), "strides": (2, 2)},
        (2, 4),
        (5, 4),
    ),
    (
        "GlobalNet",
        {"image_size": (16, 16), "spatial_dims": 2, "in_channels": 2, "num_channel_initial": 4, "depth": 2},
        (2, 2, 16, 16),
        (3, 2, 16, 16),
    ),
    ("HighResNet", {"spatial_dims": 2, "in_channels": 1, "out_channels": 2}, (2, 1, 16, 16), (2, 1, 24, 24)),
    (
        "LocalNet",
        {
            "spatial_dims": 2,
            "in_channels": 2,
            "num_channel_initial": 4,
            "extract_levels": (0, 1, 2),
            "out_kernel_initializer": "zeros",
            "out_activation": None,
            "out_channels": 2,
        },
        (2, 2, 16, 16),
        (1, 2, 32, 32),
    ),
    (
        "MedNeXt",
        {
            "spatial_dims": 2,
            "init_filters": 4,
            "in_channels": 1,
            "out_channels": 2,
            "encoder_expansion_ratio": 2,
            "decoder_expansion_ratio": 2,
            "bottleneck_expansion_ratio": 2,
            "blocks_down": (1, 1, 1, 1),
            "blocks_bottleneck": 1,
            "blocks_up": (1, 1, 1, 1),
        },
        (2, 1, 32, 32),
        (1, 1, 64, 64),
    ),
    (
        "PatchDiscriminator",
        {"spatial_dims": 2, "channels": 4, "in_channels": 1, "num_layers_d": 2},
        (2, 1, 32, 32),
        (2, 1, 48, 48),
    ),
    (
        "Regressor",
        {"in_shape": (1, 16, 16), "out_shape": (1,), "channels": (4, 8), "strides": (2, 2)},
        (2, 1, 16, 16),
        (3, 1, 16, 16),
    ),
    (
        "RegUNet",
        {"spatial_dims": 2, "in_channels": 2, "num_channel_initial": 4, "depth": 2},
        (2, 2, 16, 16),
        (1, 2, 32, 32),
    ),
    (
        "ResNetFeatures",
        {"model_name": "resnet10", "pretrained": False, "spatial_dims": 3, "in_channels": 1},
        (2, 1, 32, 32, 32),
        (1, 1, 48, 48, 48),
    ),
    ("resnet18", {"spatial_dims": 3, "n_input_channels": 1, "num_classes": 2}, (2, 1, 32, 32, 32), (1, 1, 40, 40, 40)),
    (
        "SegResNet",
        {
            "spatial_dims": 3,
            "init_filters": 4,
            "in_channels": 1,
            "out_channels": 2,
            "norm": ("group", {"num_groups": 2}),
        },
        (1, 1, 16, 16, 16),
        (1, 1, 24, 24, 24),
    ),
    (
        "SegResNetDS",
        {"spatial_dims": 2, "init_filters": 4, "in_channels": 1, "out_channels": 2, "blocks_down": (1, 1, 1)},
        (2, 1, 16, 16),
        (1, 1, 32, 32),
    ),
    (
        "SegResNetVAE",
        {
            "input_image_size": (16, 16),
            "spatial_dims": 2,
            "init_filters": 8,
            "in_channels": 1,
            "out_channels": 2,
            "vae_nz": 8,
        },
        (2, 1, 16, 16),
        (3, 1, 16, 16),
    ),
    (
        "SENet",
        {
            "spatial_dims": 2,
            "in_channels": 3,
            "block": "se_resnet_bottleneck",
            "layers": (1, 1, 1, 1),
            "groups": 1,
            "reduction": 16,
            "num_classes": 3,
        },
        (2, 3, 64, 64),
        (2, 3, 96, 96),
    ),
    (
        "SwinUNETR",
        {
            "in_channels": 1,
            "out_channels": 2,
            "feature_size": 12,
            "spatial_dims": 2,
            "depths": (1, 1, 1, 1),
            "num_heads": (2, 2, 2, 2),
        },
        (1, 1, 64, 64),
        (1, 1, 96, 96),
    ),
    (
        "UNet",
        {
            "spatial_dims": 3,
            "in_channels": 1,
            "out_channels": 2,
            "channels": (4, 8, 16),
            "strides": (2, 2),
            "num_res_units": 1,
        },
        (1, 1, 16, 16, 16),
        (1, 1, 24, 24, 24),
    ),
    (
        "UNETR",
        {
            "in_channels": 1,
            "out_channels": 2,
            "img_size": (32, 32),
            "feature_size": 4,
            "hidden_size": 24,
            "mlp_dim": 32,
            "num_heads": 2,
            "spatial_dims": 2,
        },
        (2, 1, 32, 32),
        (3, 1, 32, 32),
    ),
    (
        "VarAutoEncoder",
        {
            "spatial_dims": 2,
            "in_shape": (1, 16, 16),
            "out_channels": 1,
            "latent_size": 4,
            "channels": (4, 8),
            "strides": (2, 2),
        },
        (2, 1, 16, 16),
        (3, 1, 16, 16),
    ),
    (
        "ViT",
        {
            "in_channels": 1,
            "img_size": (16, 16),
            "patch_size": (8, 8),
            "hidden_size": 24,
            "mlp_dim": 32,
            "num_layers": 2,
            "num_heads": 2,
            "classification": True,
            "spatial_dims": 2,
        },
        (2, 1, 16, 16),
        (3, 1, 16, 16),
    ),
    (
        "ViTAutoEnc",
        {
            "in_channels": 1,
            "img_size": (16, 16),
            "patch_size": (4, 4),
            "hidden_size": 24,
            "mlp_dim": 32,
            "num_layers": 2,
            "num_heads": 2,
            "spatial_dims": 2,
        },
        (2, 1, 16, 16),
        (3, 1, 16, 16),
    ),
    ("VNet", {"spatial_dims": 3, "in_channels": 1, "out_channels": 2}, (1, 1, 32, 32, 32), None),
    (
        "AutoencoderKL",
        {
            "spatial_dims": 2,
            "in_channels": 1,
            "out_channels": 1,
            "num_res_blocks": (1, 1),
            "channels": (8, 8),
            "attention_levels": (False, False),
            "latent_channels": 2,
            "norm_num_groups": 4,
        },
        (2, 1, 16, 16),
        (1, 1, 32, 32),
    ),
)


def entries() -> Iterator[Entry]:
    """Yield the models."""
    for name, options, shape, other in NETS:
        yield Entry(
            f"monai/{name}",
            "MONAI",
            functools.partial(_make, name, options),
            functools.partial(_noise, shape),
            functools.partial(_noise, other) if other else None,
        )


def _make(name: str, options: dict[str, Any]) -> nn.Module:
    model: nn.Module = getattr(nets, name)(**options)
    return model


def _noise(shape: tuple[int, ...], _: nn.Module) -> torch.Tensor:
    return torch.randn(shape)
