"""Models of timm: two of every one of its modules, the smallest, and more of those that have ReLUs."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import timm
from torch import nn

from ..entry import SIZES, Entry, image_entry

MODELS = {
    "beit": "beit_base_patch16_224 beitv2_base_patch16_224",
    "byoanet": "lambda_resnet26t halonet26t botnet26t_256 halonet_h1 eca_botnext26ts_256",
    "byobnet": "gcresnet50t repvgg_a0 mobileone_s0 gernet_s mobileone_s1",
    "cait": "cait_xxs24_224 cait_xxs36_224",
    "coat": "coat_tiny coat_lite_tiny",
    "convit": "convit_tiny convit_small",
    "convmixer": "convmixer_768_32 convmixer_1024_20_ks9_p14",
    "convnext": "convnext_atto convnext_zepto_rms",
    "cpubone": "cpubone_nano cpubone_t0",
    "crossvit": "crossvit_tiny_240 crossvit_9_240",
    "csatv2": "csatv2 csatv2_21m",
    "cspnet": "cspresnet50 cs3darknet_focus_s cs3darknet_s",
    "cspnext": "cspnext_tiny cspnext_s",
    "davit": "davit_tiny davit_small",
    "deepseek_vit": "deepseek_vit_412m deepseek_vit_412m_align",
    "deit": "deit_tiny_patch16_224 deit_small_patch16_224",
    "densenet": "densenet121 densenet169 densenetblur121d",
    "dla": "dla34 dla46_c dla60_res2net dla46x_c",
    "dpn": "dpn48b dpn68 dpn68b",
    "edgenext": "edgenext_xx_small edgenext_x_small",
    "efficientformer": "efficientformer_l1 efficientformer_l3",
    "efficientformer_v2": "efficientformerv2_s0 efficientformerv2_s1",
    "efficientnet": "mobilenetv2_035 mobilenetv2_100 mobilenetv2_110d efficientnet_lite0 efficientnet_lite1 "
    "tf_efficientnet_lite0 mnasnet_050 semnasnet_050 spnasnet_100 fbnetc_100 mobilenetv2_050",
    "efficientvim": "efficientvim_m1 efficientvim_m2",
    "efficientvit_mit": "efficientvit_b0 efficientvit_b1",
    "efficientvit_msra": "efficientvit_m0 efficientvit_m1",
    "eva": "vit_tiny_patch16_dinov3_qkvb eva02_tiny_patch14_224",
    "fasternet": "fasternet_t0 fasternet_t1",
    "fastvit": "fastvit_t8 fastvit_t12",
    "focalnet": "focalnet_tiny_srf focalnet_tiny_lrf",
    "gcvit": "gcvit_xxtiny gcvit_xtiny",
    "gemma4_vit": "gemma4_vit_167m gemma4_vit_167m_enc",
    "ghostnet": "ghostnet_050 ghostnetv2_100 ghostnetv3_050",
    "hardcorenas": "hardcorenas_a hardcorenas_b",
    "hgnet": "hgnet_tiny hgnetv2_b0 hgnetv2_b1",
    "hiera": "hiera_tiny_224 hiera_small_abswin_256",
    "hieradet_sam2": "sam2_hiera_tiny sam2_hiera_small",
    "hrnet": "hrnet_w18_small hrnet_w18_small_v2",
    "iformer": "iformer_t iformer_s",
    "inception_next": "inception_next_atto inception_next_tiny",
    "inception_resnet_v2": "inception_resnet_v2",
    "inception_v3": "inception_v3",
    "inception_v4": "inception_v4",
    "lcnetv2": "lcnetv2_small lcnetv2_base",
    "levit": "levit_128s levit_conv_128s",
    "lowformer": "lowformer_b0 lowformer_b1",
    "mambaout": "mambaout_femto mambaout_kobe",
    "maxxvit": "maxvit_pico_rw_256 maxvit_rmlp_pico_rw_256",
    "metaformer": "poolformerv2_s12 poolformer_s12",
    "mlp_mixer": "mixer_s32_224 gmlp_ti16_224 gmixer_12_224",
    "mobilenetv3": "mobilenetv3_small_050 mobilenetv3_large_100 mobilenetv4_conv_small lcnet_050 lcnet_035",
    "mobilenetv5": "mobilenetv5_base mobilenetv5_300m",
    "mobilevit": "mobilevit_xxs mobilevitv2_050",
    "mvitv2": "mvitv2_tiny mvitv2_small",
    "naflexvit": "naflexvit_base_patch16_parfac_gap naflexvit_base_patch16_gap",
    "nasnet": "nasnetalarge",
    "nest": "nest_tiny nest_small",
    "nextvit": "nextvit_small nextvit_base",
    "nfnet": "nf_resnet26 nf_resnet50 nf_regnet_b0 dm_nfnet_f0 eca_nfnet_l0 nf_regnet_b1",
    "pit": "pit_ti_224 pit_xs_224",
    "pnasnet": "pnasnet5large",
    "pvt_v2": "pvt_v2_b0 pvt_v2_b1",
    "qwen3_vit": "qwen3_vit_88m qwen3_vit_88m_merge",
    "rdnet": "rdnet_tiny rdnet_small",
    "regnet": "regnetx_002 regnetx_016 regnety_002 regnetv_040",
    "repghost": "repghostnet_050 repghostnet_058",
    "repvit": "repvit_m1 repvit_m0_9",
    "res2net": "res2net50_14w_8s res2net50d res2next50",
    "resnest": "resnest14d resnest26d",
    "resnet": "resnet14t resnet18 resnet18d resnet26d resnet50 resnet101 resnetaa50 wide_resnet50_2 resnext50_32x4d "
    "resnext50d_32x4d resnext101_32x4d seresnet18 seresnet50 seresnext26d_32x4d ecaresnetlight resnet10t",
    "resnetv2": "resnetv2_50 resnetv2_18 resnetv2_18d",
    "rexnet": "rexnet_100 rexnetr_100",
    "selecsls": "selecsls42 selecsls60",
    "senet": "legacy_seresnet18 legacy_seresnext26_32x4d",
    "sequencer": "sequencer2d_s sequencer2d_m",
    "shvit": "shvit_s1 shvit_s2",
    "sknet": "skresnet18 skresnet34",
    "starnet": "starnet_s050 starnet_s100",
    "swiftformer": "swiftformer_xs swiftformer_s",
    "swin_transformer": "swin_tiny_patch4_window7_224 swin_s3_tiny_224",
    "swin_transformer_v2": "swinv2_tiny_window16_256 swinv2_tiny_window8_256",
    "swin_transformer_v2_cr": "swinv2_cr_tiny_224 swinv2_cr_small_224",
    "tiny_vit": "tiny_vit_5m_224 tiny_vit_11m_224",
    "tnt": "tnt_s_legacy_patch16_224 tnt_b_patch16_224",
    "tresnet": "tresnet_m tresnet_v2_l",
    "twins": "twins_svt_small twins_pcpvt_small",
    "vgg": "vgg11 vgg11_bn vgg16_bn",
    "visformer": "visformer_tiny visformer_small",
    "vision_transformer": "vit_tiny_patch16_224 vit_xsmall_patch16_clip_224",
    "vision_transformer_hybrid": "vit_small_r26_s32_224 vit_tiny_r_s16_p8_224",
    "vision_transformer_relpos": "vit_srelpos_small_patch16_224 vit_relpos_small_patch16_rpn_224",
    "vision_transformer_sam": "samvit_base_patch16_224 samvit_base_patch16",
    "vitamin": "vitamin_small_224 vitamin_base_224",
    "volo": "volo_d1_224 volo_d2_224",
    "vovnet": "vovnet39a ese_vovnet19b_slim",
    "xception": "legacy_xception",
    "xception_aligned": "xception41 xception41p",
    "xcit": "xcit_nano_12_p8_224 xcit_nano_12_p16_224",
}
"""The names of the models by the module of timm that they are in."""

SHALLOW = {"deepseek_vit": 2, "gemma4_vit": 2, "qwen3_vit": 2}
"""How many blocks the models of a module get, where the smallest that timm names has more than a gigabyte."""

SMALL = (64, 128)
"""Heights of images that models of a fixed size are made for, if their windows divide them."""

FIXED = ("crossvit",)
"""Modules whose models can be made for small images, but do not take them then."""


def entries() -> Iterator[Entry]:
    """Yield the models."""
    for module, names in MODELS.items():
        for name in names.split():
            options = {"depth": SHALLOW[module]} if module in SHALLOW else {}
            own = timm.get_pretrained_cfg(name)
            size = own.input_size[-1] if own is not None else 224
            fixed = own is not None and own.fixed_input_size
            small = SMALL if fixed and module not in FIXED else ()
            make = functools.partial(_make, name, options, small)
            yield image_entry(f"timm/{name}", f"timm: {module}", make, sizes=(*small, size) if fixed else SIZES)


def _make(name: str, options: dict[str, Any], small: Sequence[int]) -> nn.Module:
    """Make a model; those of a fixed size for the smallest images for which they can be made."""
    model: nn.Module
    for size in small:
        try:
            model = timm.create_model(name, pretrained=False, img_size=size, **options)
        except Exception:
            continue
        return model
    model = timm.create_model(name, pretrained=False, **options)
    return model
