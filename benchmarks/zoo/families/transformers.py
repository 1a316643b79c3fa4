"""Architectures of Hugging Face's transformers, built from small configurations, with random weights."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
import transformers
from torch import nn
from transformers import CONFIG_MAPPING

from ..entry import Entry, Made, tokens

LEFT_OUT = None
"""In place of a value: the configuration keeps its own."""

SMALL = {
    "vocab_size": 96,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 40,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    # Which layers are left out in training is drawn at random.
    "layerdrop": 0.0,
}
"""What most configurations have; a configuration takes of it what it knows."""

EXPERTS = {
    "num_local_experts": 2,
    "num_experts": 2,
    "n_routed_experts": 2,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 24,
}
"""Few experts, all of which are asked."""

SEQ2SEQ = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 40,
    "decoder_ffn_dim": 40,
    "encoder_layerdrop": 0.0,
    "decoder_layerdrop": 0.0,
    "decoder_start_token_id": 1,
}

AUDIO = {
    "conv_dim": (16, 16),
    "conv_stride": (5, 4),
    "conv_kernel": (10, 8),
    "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
    "mask_time_prob": 0.0,
    "classifier_proj_size": 16,
    "num_labels": 3,
}
"""Of models of sound waves."""

VISION = {"image_size": 32, "patch_size": 8, "num_labels": 3, "num_channels": 3}

# What a model type has beside the above, or otherwise.
Options = Mapping[str, Any]

DECODERS: dict[str, Options] = {
    "apertus": {},
    "bart": SEQ2SEQ,
    "biogpt": {},
    "bloom": {"n_layer": 2, "n_head": 4},
    "codegen": {"n_embd": 32, "n_layer": 2, "n_head": 4, "rotary_dim": 4, "n_ctx": 64, "n_positions": 64},
    "cohere": {},
    "ctrl": {"n_embd": 32, "dff": 40, "n_layer": 2, "n_head": 4, "n_positions": 64},
    "diffllama": {},
    "exaone4": {},
    "falcon": {},
    "falcon_mamba": {"state_size": 4},
    "gemma": {"head_dim": 8},
    "gemma2": {"head_dim": 8},
    "gemma3_text": {"head_dim": 8},
    "glm": {"head_dim": 8},
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64},
    "gpt_bigcode": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64},
    "gpt_neo": {"num_layers": 2, "num_heads": 4, "attention_types": [[["global", "local"], 1]]},
    "gpt_neox": {},
    "gptj": {"n_embd": 32, "n_layer": 2, "n_head": 4, "rotary_dim": 4, "n_positions": 64},
    "granite": {},
    "helium": {"head_dim": 8},
    "lfm2": {"full_attn_idxs": [1], "block_multiple_of": 8},
    "llama": {},
    "mamba": {"state_size": 4},
    "mamba2": {"state_size": 4, "num_heads": 4, "head_dim": 16, "n_groups": 1, "chunk_size": 8},
    "mistral": {},
    "modernbert-decoder": {},
    "mpt": {"d_model": 32, "n_heads": 4, "n_layers": 2, "max_seq_len": 64},
    "nemotron": {},
    "olmo": {},
    "olmo2": {},
    "openai-gpt": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64},
    "opt": {"ffn_dim": 40, "word_embed_proj_dim": 32},
    "persimmon": {},
    "phi": {},
    "phi3": {},
    "qwen2": {},
    "qwen3": {"head_dim": 8},
    "recurrent_gemma": {"lru_width": 32, "head_dim": 8, "num_hidden_layers": 3},
    # In evaluation mode its cache writes over what its own gradient needs.
    "rwkv": {"attention_hidden_size": 32, "use_cache": False},
    "smollm3": {},
    "stablelm": {},
    "starcoder2": {},
    "xglm": {"d_model": 32, "ffn_dim": 40, "num_layers": 2, "attention_heads": 4},
    "xlnet": {"d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 40, "max_position_embeddings": LEFT_OUT},
}
"""Models that predict the next token."""

MIXTURES: dict[str, Options] = {
    "deepseek_v3": {
        "q_lora_rank": 8,
        "kv_lora_rank": 8,
        "qk_rope_head_dim": 4,
        "qk_nope_head_dim": 4,
        "v_head_dim": 8,
        "n_group": 1,
        "topk_group": 1,
        "first_k_dense_replace": 1,
    },
    "dbrx": {
        "d_model": 32,
        "n_heads": 4,
        "n_layers": 2,
        "max_seq_len": 64,
        "attn_config": {"kv_n_heads": 2, "rope_theta": 1e4, "clip_qkv": 8},
        "ffn_config": {"ffn_hidden_size": 24, "moe_num_experts": 2, "moe_top_k": 2},
    },
    "gpt_oss": {"head_dim": 8},
    "granitemoe": {},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1, "use_mamba_kernels": False, "mamba_d_state": 4},
    "jetmoe": {"kv_channels": 8},
    "mixtral": {},
    "olmoe": {},
    "phimoe": {},
    "qwen2_moe": {"shared_expert_intermediate_size": 24},
    "qwen3_moe": {"head_dim": 8},
}
"""Models that predict the next token, with several experts in each layer."""

ENCODERS: dict[str, Options] = {
    "albert": {"embedding_size": 16},
    "bert": {},
    "big_bird": {"attention_type": "original_full"},
    "camembert": {},
    "canine": {},
    "convbert": {"embedding_size": 32},
    "data2vec-text": {},
    "deberta": {},
    "deberta-v2": {},
    "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 40},
    "electra": {"embedding_size": 16},
    "ernie": {},
    "esm": {},
    "fnet": {},
    "funnel": {
        "d_model": 32,
        "n_head": 4,
        "d_head": 8,
        "d_inner": 40,
        "block_sizes": [1, 1],
        "num_hidden_layers": LEFT_OUT,
    },
    "ibert": {},
    "longformer": {"attention_window": 8},
    "megatron-bert": {},
    "mobilebert": {"true_hidden_size": 16, "intra_bottleneck_size": 16, "embedding_size": 16},
    "modernbert": {},
    "mpnet": {},
    "nystromformer": {"num_landmarks": 4, "segment_means_seq_len": 4},
    "rembert": {"input_embedding_size": 16, "output_embedding_size": 16},
    "roberta": {},
    "roberta-prelayernorm": {},
    "roformer": {},
    "squeezebert": {"embedding_size": 32},
    "xlm-roberta": {},
    "xmod": {"languages": ["en_XX"], "default_language": "en_XX"},
}
"""Models of text that predict what is masked."""

TRANSLATORS: dict[str, Options] = {
    "blenderbot": {},
    "led": {"attention_window": 8, "max_encoder_position_embeddings": 64, "max_decoder_position_embeddings": 64},
    "longt5": {"d_kv": 8, "d_ff": 40, "num_layers": 2, "num_heads": 4, "local_radius": 4},
    "m2m_100": {},
    "marian": {},
    "mbart": {},
    "mt5": {"d_kv": 8, "d_ff": 40, "num_layers": 2, "num_heads": 4},
    "mvp": {},
    "nllb-moe": {"num_experts": 2, "expert_capacity": 64, "encoder_sparse_step": 2, "decoder_sparse_step": 2},
    "pegasus": {},
    "plbart": {},
    "switch_transformers": {
        "d_kv": 8,
        "d_ff": 40,
        "num_layers": 2,
        "num_decoder_layers": 2,
        "num_heads": 4,
        "num_experts": 2,
        "expert_capacity": 64,
        "num_sparse_encoder_layers": 1,
        "num_sparse_decoder_layers": 1,
    },
    "t5": {"d_kv": 8, "d_ff": 40, "num_layers": 2, "num_heads": 4},
    "umt5": {"d_kv": 8, "d_ff": 40, "num_layers": 2, "num_heads": 4},
}
"""Encoders and decoders of text."""

CLASSIFIERS: dict[str, Options] = {
    "beit": {},
    "bit": {"embedding_size": 16, "hidden_sizes": [16, 32], "depths": [1, 1], "num_groups": 4},
    "convnext": {"hidden_sizes": [8, 16, 16, 16], "depths": [1, 1, 1, 1], "patch_size": 4},
    "convnextv2": {"hidden_sizes": [8, 16, 16, 16], "depths": [1, 1, 1, 1], "patch_size": 4},
    "cvt": {"embed_dim": [8, 16, 16], "num_heads": [1, 2, 2], "depth": [1, 2, 3]},
    "dinov2": {},
    "donut-swin": {"embed_dim": 8, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4, "patch_size": 2},
    "efficientnet": {"width_coefficient": 0.25, "depth_coefficient": 0.5, "hidden_dim": 320},
    "focalnet": {"embed_dim": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "patch_size": 4},
    "hgnet_v2": {
        "embedding_size": 8,
        "stem_channels": [3, 8, 8],
        "hidden_sizes": [8, 16, 16, 16],
        "stage_in_channels": [8, 8, 16, 16],
        "stage_mid_channels": [8, 8, 8, 8],
        "stage_out_channels": [8, 16, 16, 16],
        "stage_num_blocks": [1, 1, 1, 1],
        "stage_numb_of_layers": [2, 2, 2, 2],
        "depths": [1, 1, 1, 1],
    },
    "mobilenet_v1": {"depth_multiplier": 0.25, "classifier_dropout_prob": 0.0},
    "mobilenet_v2": {"depth_multiplier": 0.25, "classifier_dropout_prob": 0.0},
    "mobilevit": {"hidden_sizes": [16, 24, 32], "neck_hidden_sizes": [8, 8, 8, 16, 16, 16, 32], "patch_size": 2},
    "mobilevitv2": {"width_multiplier": 0.25, "patch_size": 2, "image_size": 64},
    "poolformer": {"hidden_sizes": [8, 16, 16, 16], "depths": [1, 1, 1, 1], "patch_size": 7},
    "pvt": {"hidden_sizes": [8, 16, 16, 16], "depths": [1, 1, 1, 1], "num_attention_heads": [1, 2, 2, 2]},
    "regnet": {"embedding_size": 8, "hidden_sizes": [8, 16, 16, 16], "depths": [1, 1, 1, 1], "groups_width": 8},
    "resnet": {"embedding_size": 8, "hidden_sizes": [16, 32], "depths": [1, 1]},
    "segformer": {
        "hidden_sizes": [8, 16, 16, 16],
        "depths": [1, 1, 1, 1],
        "num_attention_heads": [1, 2, 2, 2],
        "decoder_hidden_size": 16,
    },
    "swiftformer": {"embed_dims": [8, 16, 16, 16], "depths": [1, 1, 1, 1], "mlp_ratio": 2},
    "swin": {"embed_dim": 8, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4, "patch_size": 2},
    "swinv2": {"embed_dim": 8, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4, "patch_size": 2},
    "vit": {},
    "vit_msn": {},
}
"""Models of images that name what is in them."""

LISTENERS: dict[str, Options] = {
    "data2vec-audio": {"conv_pos_kernel_size": 7, "num_conv_pos_embeddings": 2},
    "hubert": {},
    "sew": {"squeeze_factor": 2},
    "sew-d": {"squeeze_factor": 2},
    "unispeech": {},
    "unispeech-sat": {},
    "wav2vec2": {},
    "wav2vec2-conformer": {},
    "wavlm": {},
}
"""Models of sound waves."""


def entries() -> Iterator[Entry]:
    """Yield the models."""
    transformers.logging.set_verbosity_error()
    for kind, options in DECODERS.items():
        yield _text(kind, "decoders", "AutoModelForCausalLM", options, generate=True)
    for kind, options in MIXTURES.items():
        yield _text(kind, "mixtures of experts", "AutoModelForCausalLM", {**EXPERTS, **options}, generate=True)
    for kind, options in ENCODERS.items():
        auto = "AutoModelForTokenClassification" if kind in ("canine",) else "AutoModelForMaskedLM"
        yield _text(kind, "encoders", auto, options)
    for kind, options in TRANSLATORS.items():
        yield _text(kind, "encoders and decoders", "AutoModelForSeq2SeqLM", {**SEQ2SEQ, **options}, generate=True)
    for kind, options in CLASSIFIERS.items():
        yield _image(kind, options)
    for kind, options in LISTENERS.items():
        yield Entry(
            f"transformers/{kind}",
            "transformers: audio",
            _maker(kind, "AutoModelForCTC", {**AUDIO, **options}),
            lambda _: {"input_values": torch.randn(2, 800)},
            lambda _: {"input_values": torch.randn(2, 1200)},
            lambda _: {"input_values": torch.randn(2, 800), "labels": tokens(3)},
            varies="length",
        )
    yield from _detectors()
    yield from _others()


def _detectors() -> Iterator[Entry]:
    """Yield the models that find things in images; those of the DETR kind have a small ResNet in front."""
    targets = [
        {"class_labels": torch.tensor([1]), "boxes": torch.tensor([[0.5, 0.5, 0.4, 0.4]])},
        {"class_labels": torch.tensor([0, 2]), "boxes": torch.tensor([[0.3, 0.5, 0.2, 0.4], [0.6, 0.6, 0.3, 0.3]])},
    ]

    def entry(kind: str, options: Options) -> Entry:
        return Entry(
            f"transformers/{kind}",
            "transformers: detection",
            _maker(kind, "AutoModelForObjectDetection", {"num_labels": 3, **options}),
            lambda _: {"pixel_values": torch.randn(2, 3, 64, 64)},
            lambda _: {"pixel_values": torch.randn(2, 3, 64, 96)},
            lambda _: {"pixel_values": torch.randn(2, 3, 64, 64), "labels": targets},
        )

    small = {**SEQ2SEQ, "num_queries": 5, "use_timm_backbone": False, "use_pretrained_backbone": False}
    small.pop("decoder_start_token_id")
    stages = {"embedding_size": 8, "hidden_sizes": [8, 16, 16, 16], "depths": [1, 1, 1, 1]}
    for kind, levels in {"detr": 1, "table-transformer": 1, "conditional_detr": 1, "deformable_detr": 3}.items():
        outs = ["stage2", "stage3", "stage4"][-levels:]
        backbone = CONFIG_MAPPING["resnet"](**stages, out_features=outs)
        more = {"num_feature_levels": 3} if levels > 1 else {}
        yield entry(kind, {**small, **more, "backbone_config": backbone})
    yield entry("yolos", {"image_size": [64, 64], "patch_size": 16, "num_detection_tokens": 5})
    for kind in ("rt_detr", "rt_detr_v2"):
        yield entry(
            kind,
            {
                "backbone_config": CONFIG_MAPPING["rt_detr_resnet"](
                    **stages, layer_type="basic", out_features=["stage2", "stage3", "stage4"]
                ),
                "encoder_hidden_dim": 32,
                "encoder_in_channels": [16, 16, 16],
                "decoder_in_channels": [32, 32, 32],
                "d_model": 32,
                "encoder_ffn_dim": 40,
                "decoder_ffn_dim": 40,
                "decoder_layers": 2,
                "encoder_attention_heads": 4,
                "decoder_attention_heads": 4,
                "num_queries": 5,
                "num_denoising": 0,
            },
        )


def _others() -> Iterator[Entry]:
    """Yield models that take something else: sound as a spectrogram, images with text, or images for maps."""
    speech = {**SEQ2SEQ, "max_source_positions": 32, "max_target_positions": 32, "num_mel_bins": 16}
    special = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}

    def spectrum(key: str, shape: tuple[int, ...], **more: Any) -> Made:
        return {key: torch.randn(shape), **more}

    yield Entry(
        "transformers/whisper",
        "transformers: audio",
        _maker("whisper", "AutoModelForSpeechSeq2Seq", {**speech, **special}),
        lambda _: spectrum("input_features", (2, 16, 64), decoder_input_ids=tokens(5)),
        lambda _: spectrum("input_features", (3, 16, 64), decoder_input_ids=tokens(7, batch=3)),
        lambda _: spectrum("input_features", (2, 16, 64), labels=tokens(5)),
        varies="length",
    )
    yield Entry(
        "transformers/speech_to_text",
        "transformers: audio",
        _maker(
            "speech_to_text", "AutoModelForSpeechSeq2Seq", {**speech, "input_feat_per_channel": 16, "conv_channels": 32}
        ),
        lambda _: spectrum("input_features", (2, 32, 16), decoder_input_ids=tokens(5)),
        lambda _: spectrum("input_features", (2, 48, 16), decoder_input_ids=tokens(7)),
        lambda _: spectrum("input_features", (2, 32, 16), labels=tokens(5)),
        varies="length",
    )
    yield Entry(
        "transformers/audio-spectrogram-transformer",
        "transformers: audio",
        _maker(
            "audio-spectrogram-transformer", "AutoModelForAudioClassification", {"max_length": 32, "num_mel_bins": 16}
        ),
        lambda _: spectrum("input_values", (2, 32, 16)),
        lambda _: spectrum("input_values", (3, 32, 16)),
        lambda _: spectrum("input_values", (2, 32, 16), labels=torch.tensor([0, 1])),
    )
    part = {
        name: SMALL[name] for name in ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
    }
    text = {**part, **special, "vocab_size": 96, "max_position_embeddings": 16}
    sight = {**part, "image_size": 32, "patch_size": 8}
    for kind in ("clip", "siglip", "blip", "chinese_clip", "altclip"):
        yield Entry(
            f"transformers/{kind}",
            "transformers: images and text",
            _maker(kind, "AutoModel", {"text_config": text, "vision_config": sight, "projection_dim": 32}),
            lambda _: spectrum("pixel_values", (2, 3, 32, 32), input_ids=tokens(8)),
            lambda _: spectrum("pixel_values", (3, 3, 32, 32), input_ids=tokens(6, batch=3)),
            lambda _: spectrum("pixel_values", (2, 3, 32, 32), input_ids=tokens(8), return_loss=True),
            varies="length",
        )
    maps = {
        "dpt": ("AutoModelForDepthEstimation", {**sight, "backbone_out_indices": [0, 1, 2, 3], "num_hidden_layers": 4}),
        "glpn": (
            "AutoModelForDepthEstimation",
            {"hidden_sizes": [8, 16, 16, 16], "depths": [1, 1, 1, 1], "num_attention_heads": [1, 2, 2, 2]},
        ),
        "segformer": ("AutoModelForSemanticSegmentation", {**CLASSIFIERS["segformer"], "num_labels": 3}),
        "swin2sr": (
            "AutoModelForImageToImage",
            {"embed_dim": 16, "depths": [1, 1], "num_heads": [2, 2], "image_size": 32},
        ),
    }
    maps["dpt"][1].update({"neck_hidden_sizes": [8, 8, 16, 16], "fusion_hidden_size": 16})
    for kind, (auto, options) in maps.items():
        larger = 32 if kind == "dpt" else 64
        yield Entry(
            f"transformers/{kind}{'-segmentation' if kind == 'segformer' else ''}",
            "transformers: maps of images",
            _maker(kind, auto, options),
            lambda _: spectrum("pixel_values", (2, 3, 32, 32)),
            lambda _, larger=larger: spectrum("pixel_values", (3, 3, larger, larger)),
        )
    yield Entry(
        "transformers/timesfm",
        "transformers: time series",
        _maker(
            "timesfm",
            "AutoModelForTimeSeriesPrediction",
            {"patch_length": 8, "horizon_length": 8, "context_length": 32},
        ),
        lambda _: {"past_values": [torch.randn(32), torch.randn(32)], "freq": [0, 0]},
    )


def _maker(kind: str, auto: str, options: Options) -> Callable[[], nn.Module]:
    return functools.partial(_make, kind, auto, options)


def _make(kind: str, auto: str, options: Options) -> nn.Module:
    """Make a model of a small configuration."""
    kind_of = CONFIG_MAPPING[kind]
    known = set(dir(kind_of())) | set(getattr(kind_of, "attribute_map", {}))
    small = {name: value for name, value in SMALL.items() if name in known and name not in options}
    # A name and what it stands for would be two values of one.
    twice = {short for short, long in getattr(kind_of, "attribute_map", {}).items() if long in options}
    given = {name: value for name, value in options.items() if value is not LEFT_OUT}
    config = kind_of(**{name: value for name, value in small.items() if name not in twice}, **given)
    model: nn.Module = getattr(transformers, auto).from_config(config)
    return model


def _text(kind: str, family: str, auto: str, options: Options, *, generate: bool = False) -> Entry:
    """The entry of a model of tokens, which are its labels in training too."""

    def example(length: int, **more: Any) -> Made:
        made = {"input_ids": tokens(length), "attention_mask": torch.ones(2, length, dtype=torch.long)}
        if auto == "AutoModelForSeq2SeqLM":
            made["decoder_input_ids"] = tokens(5)
        return {**made, **more}

    def training(_: nn.Module) -> Made:
        made = example(8)
        made.pop("decoder_input_ids", None)
        labels = torch.randint(0, 2, (2, 8)) if auto == "AutoModelForTokenClassification" else made["input_ids"]
        return {**made, "labels": labels}

    return Entry(
        f"transformers/{kind}",
        f"transformers: {family}",
        _maker(kind, auto, options),
        lambda _: example(8),
        lambda _: example(16),
        training,
        generate=generate,
        varies="length",
    )


def _image(kind: str, options: Options) -> Entry:
    """The entry of a model of images."""
    own = {**VISION, **options}

    def example(size: int, batch: int = 2, **more: Any) -> Made:
        return {"pixel_values": torch.randn(batch, 3, size, size), **more}

    size = own["image_size"]
    return Entry(
        f"transformers/{kind}",
        "transformers: vision",
        _maker(kind, "AutoModelForImageClassification", own),
        lambda _: example(size),
        lambda _: example(size, 3),
        lambda _: example(size, labels=torch.tensor([0, 2])),
    )
