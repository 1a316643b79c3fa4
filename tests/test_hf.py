"""Swapped models go through `save_pretrained` and `from_pretrained` with the right values, or raise an error."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import rectifiers

transformers: Any = pytest.importorskip("transformers")
hf: Any = pytest.importorskip("rectifiers.hf")

from transformers import (  # noqa: E402
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    OPTConfig,
    OPTForCausalLM,
)

IDS = torch.arange(20).reshape(2, 10)
SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 50}

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def bert(**options: Any) -> nn.Module:
    torch.manual_seed(0)
    return BertForSequenceClassification(BertConfig(**SMALL, intermediate_size=24, **options)).eval()


def move(model: nn.Module) -> None:
    """Learn something, everywhere."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.rand_like(parameter))


@pytest.fixture
def swapped() -> nn.Module:
    model = bert()
    rectifiers.swap(model, "pvlu", from_="gelu", example={"input_ids": IDS})
    move(model)
    return model


def test_loading_repeats_the_swap(swapped: Any, tmp_path: Path) -> None:
    expected = swapped(IDS).logits
    swapped.save_pretrained(tmp_path / "one")
    for cls in (BertForSequenceClassification, AutoModelForSequenceClassification):
        loaded = cls.from_pretrained(tmp_path / "one")
        assert torch.equal(loaded(IDS).logits, expected)
        assert not loaded.is_quantized
        assert not any(
            hasattr(loaded, name) and getattr(loaded, name) for name in ("hf_quantizer", "quantization_method")
        )
        loaded.save_pretrained(tmp_path / "two")
        assert torch.equal(cls.from_pretrained(tmp_path / "two")(IDS).logits, expected)
        rectifiers.save(loaded, tmp_path / "ours")
        assert torch.equal(rectifiers.load(tmp_path / "ours", bert())(IDS).logits, expected)


def test_base_and_head_load_each_others_swaps(swapped: Any, tmp_path: Path) -> None:
    expected = swapped.bert(IDS).last_hidden_state
    swapped.save_pretrained(tmp_path / "head")
    for cls in (AutoModel, BertModel):
        base = cls.from_pretrained(tmp_path / "head")
        assert torch.equal(base(IDS).last_hidden_state, expected)
    base.save_pretrained(tmp_path / "base")
    head = BertForSequenceClassification.from_pretrained(tmp_path / "base")
    assert torch.equal(head.bert(IDS).last_hidden_state, expected)
    swapped.bert.save_pretrained(tmp_path / "part")
    assert torch.equal(BertModel.from_pretrained(tmp_path / "part")(IDS).last_hidden_state, expected)


@pytest.mark.parametrize("to", ["arelu", "pau", "crelu"])
def test_functional_activations_and_other_shapes(to: str, tmp_path: Path) -> None:
    config = OPTConfig(**SMALL, ffn_dim=24, word_embed_proj_dim=16)
    model = OPTForCausalLM(config).eval()
    rectifiers.swap(model, to, example={"input_ids": IDS})
    move(model)
    model.save_pretrained(tmp_path)
    for cls in (OPTForCausalLM, AutoModelForCausalLM):
        assert torch.equal(cls.from_pretrained(tmp_path)(IDS).logits, model(IDS).logits)
    half = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.bfloat16)
    assert {parameter.dtype for parameter in half.parameters()} == {torch.bfloat16}


def test_models_in_a_model(tmp_path: Path) -> None:
    part = {key: value for key, value in SMALL.items() if key != "vocab_size"} | {"intermediate_size": 24}
    text, vision = {**part, "vocab_size": 50}, {**part, "image_size": 8, "patch_size": 4}
    torch.manual_seed(0)
    model = transformers.CLIPModel(transformers.CLIPConfig(text_config=text, vision_config=vision)).eval()
    inputs = {"input_ids": IDS, "pixel_values": torch.randn(2, 3, 8, 8)}
    rectifiers.swap(model, "pvlu", from_="quick_gelu", example=inputs)
    move(model)
    expected = model(**inputs).logits_per_image
    model.save_pretrained(tmp_path / "one")
    for _ in range(2):
        model = transformers.AutoModel.from_pretrained(tmp_path / "one")
        assert torch.equal(model(**inputs).logits_per_image, expected)
        model.save_pretrained(tmp_path / "one")
    model.text_model.save_pretrained(tmp_path / "text")
    with pytest.raises(rectifiers.RectifiersError, match=r"cannot repeat: what was swapped is CLIPModel, of which"):
        transformers.CLIPTextModel.from_pretrained(tmp_path / "text")


def test_several_swaps_and_a_reverted_one(tmp_path: Path) -> None:
    model: Any = bert()
    rectifiers.swap(model, "pau", from_="gelu", where="first", example={"input_ids": IDS})
    second = rectifiers.swap(model, "arelu", from_="gelu", example={"input_ids": IDS})
    model.save_pretrained(tmp_path / "both")
    loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path / "both")
    assert torch.equal(loaded(IDS).logits, model(IDS).logits)
    second.revert()
    model.save_pretrained(tmp_path / "first")
    loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path / "first")
    assert torch.equal(loaded(IDS).logits, model(IDS).logits)


def test_reverted_models_are_saved_as_ever(tmp_path: Path) -> None:
    model: Any = bert()
    before = model.config.to_dict()
    rectifiers.swap(model, "pvlu", from_="gelu", example={"input_ids": IDS}).revert()
    assert model.config.to_dict() == before


def test_without_this_module_loading_is_refused(swapped: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    swapped.save_pretrained(tmp_path)
    monkeypatch.setattr(transformers.modeling_utils, "get_hf_quantizer", hf._get_quantizer)
    for cls in (AutoModel, BertModel, BertForSequenceClassification):
        with pytest.raises(ValueError, match=r"rectifiers has swapped .* import rectifiers\.hf before from_pretrained"):
            cls.from_pretrained(tmp_path)


def test_weights_without_the_activations_are_refused(swapped: Any, tmp_path: Path) -> None:
    swapped.save_pretrained(tmp_path / "swapped")
    bert().save_pretrained(tmp_path / "plain")
    with pytest.raises(rectifiers.RectifiersError, match=r"the weights have no bert.*alpha"):
        BertForSequenceClassification.from_pretrained(tmp_path / "plain", config=swapped.config)


def test_a_swapped_part_is_refused(tmp_path: Path) -> None:
    model: Any = bert()
    rectifiers.swap(model.bert.encoder, "pvlu", from_="gelu", example=(2, 10, 16))
    model.save_pretrained(tmp_path)
    with pytest.raises(rectifiers.RectifiersError, match=r"which from_pretrained cannot repeat: .* is BertEncoder"):
        AutoModel.from_pretrained(tmp_path)


def test_a_function_without_a_name_is_refused(tmp_path: Path) -> None:
    model: Any = bert()
    rectifiers.swap(model, lambda channels: nn.PReLU(), from_="gelu", example={"input_ids": IDS})
    model.save_pretrained(tmp_path)
    with pytest.raises(rectifiers.RectifiersError, match="which cannot be written down; register it"):
        AutoModel.from_pretrained(tmp_path)


def test_swapped_and_quantised_at_once_is_refused(swapped: Any, tmp_path: Path) -> None:
    swapped.save_pretrained(tmp_path)
    with pytest.raises(rectifiers.RectifiersError, match="it cannot be swapped and quantised at once"):
        AutoModel.from_pretrained(tmp_path, quantization_config=transformers.QuantoConfig())


def test_a_quantised_model_keeps_its_configuration() -> None:
    model: Any = bert()
    model.config.quantization_config = {"quant_method": "gptq"}
    with pytest.warns(UserWarning, match=r"will not keep this swap.*rectifiers\.save keeps it"):
        rectifiers.swap(model, "pvlu", from_="gelu", example={"input_ids": IDS})
    assert model.config.quantization_config == {"quant_method": "gptq"}


class Rows(torch.utils.data.Dataset[dict[str, Tensor]]):
    def __len__(self) -> int:
        return 16

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {"input_ids": (IDS[0] + index) % 50, "labels": torch.tensor(index % 2)}


def arguments(folder: Path) -> Any:
    return transformers.TrainingArguments(
        output_dir=str(folder),
        max_steps=4,
        per_device_train_batch_size=4,
        weight_decay=0.1,
        learning_rate=1e-3,
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
        save_strategy="no",
        dataloader_pin_memory=False,
    )


def test_trainer_does_not_decay_activations_and_watches(swapped: Any, tmp_path: Path) -> None:
    pytest.importorskip("accelerate")

    class Trainer(hf.UndecayedActivations, transformers.Trainer):  # type: ignore[name-defined]
        pass

    watch = hf.WatchCallback(every=2)
    plain = transformers.Trainer(copy.deepcopy(swapped), arguments(tmp_path), train_dataset=Rows())
    trainer = Trainer(swapped, arguments(tmp_path), train_dataset=Rows(), callbacks=[watch])
    activations = {name for name, _ in swapped.named_parameters() if name.endswith(("alpha", "beta"))}
    assert activations <= {*plain.get_decay_parameter_names(plain.model)}, "otherwise this class is not needed"
    kept = {*plain.get_decay_parameter_names(plain.model)} - activations
    assert {*trainer.get_decay_parameter_names(swapped)} == kept
    before = {name: swapped.get_parameter(name).clone() for name in activations}
    trainer.train()
    decays = {id(value): group["weight_decay"] for group in trainer.optimizer.param_groups for value in group["params"]}
    assert {decays[id(swapped.get_parameter(name))] for name in activations} == {0.0}
    assert all(not torch.equal(swapped.get_parameter(name), value) for name, value in before.items())
    assert watch.history.steps == (0, 2)
    assert {site.kind for site in watch.history.sites} >= {"pvlu"}


def test_a_training_that_was_broken_off_is_watched_no_longer_once_another_begins(swapped: Any) -> None:
    hooks = [len(module._forward_hooks) for module in swapped.modules()]
    watch = hf.WatchCallback()
    watch.on_train_begin(None, None, None, model=swapped)
    watch.on_train_begin(None, None, None, model=swapped)
    watch.on_train_end(None, None, None)
    assert [len(module._forward_hooks) for module in swapped.modules()] == hooks
