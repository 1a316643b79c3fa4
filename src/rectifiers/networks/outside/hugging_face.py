"""A network that a configuration of Hugging Face's transformers describes: `hf:TYPE`, or `hf:PATH` of a file."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import ConfigError, ShapeError
from .library import LibraryNetwork

_FILE = "config.json"


class Logits(nn.Module):
    """A classifier of images that returns its logits alone.

    Args:
        classifier: a model of transformers'.

    Shape:
        (N, channels, height, width) in, (N, classes) out.
    """

    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, images: Tensor) -> Tensor:
        """Compute the logits of a batch."""
        logits: Tensor = self.classifier(pixel_values=images).logits
        return logits


class Sentences(nn.Module):
    """An encoder of texts with a linear layer behind the mean of its outputs, as sentence encoders take it.

    Args:
        encoder: a model of transformers', without a head.
        width: of its outputs.
        classes: number of logits.

    Shape:
        (N, length) in, numbers of word pieces with zeros beyond the end of a text; (N, classes) out.
    """

    def __init__(self, encoder: nn.Module, width: int, classes: int) -> None:
        super().__init__()
        self.encoder, self.classifier = encoder, nn.Linear(width, classes)

    def forward(self, pieces: Tensor) -> Tensor:
        """Compute the logits of a batch."""
        numbers = pieces.long()
        there = numbers != 0
        # A text of no pieces has a first one all the same, or its mean would be of nothing.
        there = torch.cat((torch.ones_like(there[:, :1]), there[:, 1:]), 1)
        outputs = self.encoder(input_ids=numbers, attention_mask=there.long()).last_hidden_state
        weights = there.to(outputs.dtype)[:, :, None]
        logits: Tensor = self.classifier((outputs * weights).sum(1) / weights.sum(1))
        return logits


class HuggingFaceNetwork(LibraryNetwork):
    """A classifier of images or of word pieces, without trained weights; options are fields of its configuration.

    Args:
        name: `hf:` and a type that transformers knows, such as `hf:vit`, or the path of a configuration: a JSON file,
            or a folder with `config.json`. Nothing is downloaded.

    Raises:
        UnknownNameError: transformers has no such type; with the nearest ones.
        ConfigError: transformers is not installed, or the file cannot be read.
    """

    package = "transformers"
    extra = "hf"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._transformers = self.load()
        self._fields: dict[str, Any] = {}
        self._type = self.within
        path = Path(self.within)
        path = path / _FILE if path.is_dir() else path
        if path.suffix == ".json":
            self._fields, self.digest = _read(path)
            self._type = str(self._fields.pop("model_type", ""))
        known = self._transformers.models.auto.configuration_auto.CONFIG_MAPPING_NAMES
        self.within = self._type
        self.check_known(known.__contains__, lambda: known)

    def make(self, shape: tuple[int, ...], classes: int, options: Mapping[str, Any]) -> nn.Module:
        """Make it with its own activations, for the classes, channels and side of the images at hand, or for texts."""
        if len(shape) == 1:
            return self.call(self._build_encoder, length=shape[0], classes=classes, options=dict(options))
        if len(shape) != 3:
            raise ShapeError(
                f"{self.name} takes images (channels, height, width) or texts of word pieces (length,), got shape "
                f"{shape}"
            )
        return Logits(self.call(self._build, shape=shape, classes=classes, options=dict(options)))

    def _build_encoder(self, length: int, classes: int, options: dict[str, Any]) -> nn.Module:
        config = self._transformers.AutoConfig.for_model(self._type, **{**self._fields, **options})
        longest = getattr(config, "max_position_embeddings", length)
        if length > longest:
            raise ShapeError(f"{self.name} takes texts of at most {longest} word pieces, got {length}")
        model = self._transformers.models.auto.modeling_auto.MODEL_MAPPING[type(config)]
        # What pools the first piece would be trained for nothing.
        bare = {"add_pooling_layer": False} if "add_pooling_layer" in inspect.signature(model).parameters else {}
        return Sentences(model(config, **bare), config.hidden_size, classes)

    def _build(self, shape: tuple[int, ...], classes: int, options: dict[str, Any]) -> Any:
        fields = {**self._fields, "num_labels": classes, "num_channels": shape[0], "image_size": shape[1], **options}
        for name in ("id2label", "label2id"):  # those of other classes
            fields.pop(name, None)
        config = self._transformers.AutoConfig.for_model(self._type, **fields)
        return self._transformers.AutoModelForImageClassification.from_config(config)


def _read(path: Path) -> tuple[dict[str, Any], str]:
    """A configuration, and the digest of its file."""
    try:
        content = path.read_bytes()
        fields = json.loads(content)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not JSON: {error}") from None
    if not isinstance(fields, dict):
        raise ConfigError(f"{path} holds {type(fields).__name__} where a configuration is expected")
    return fields, hashlib.sha256(content).hexdigest()[:16]
