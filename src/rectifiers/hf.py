"""Hugging Face Transformers: swapped models from `from_pretrained`, and what a `Trainer` needs.

`save_pretrained` keeps the swaps of a model in its configuration by itself. Once this module is imported,
`from_pretrained` carries them out before it loads the weights, of Auto classes too; without it, it raises an error.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from torch import nn

from .analysis.doctor.watch import History, Watch
from .core.errors import ConfigError, UnsupportedError
from .core.learned import shaping_parameters
from .surgery.carry.configuration import KEY, read_note
from .surgery.plan import SwapPlan

try:
    from transformers import PreTrainedModel, TrainerCallback, modeling_utils
    from transformers.quantizers import HfQuantizer
    from transformers.quantizers.auto import register_quantization_config, register_quantizer
    from transformers.utils.quantization_config import QuantizationConfigMixin

    _get_quantizer = modeling_utils.get_hf_quantizer
except (ImportError, AttributeError) as error:
    raise ConfigError(f"rectifiers.hf needs Transformers 5 ({error}): pip install 'rectifiers[hf]'") from None


class UndecayedActivations:
    """Keeps weight decay away from the activations' parameters, in front of any `Trainer` class.

    A `Trainer` of Transformers decays all but biases and norms, which pulls slopes and thresholds towards zero.

    Example:
        >>> import transformers
        >>> class Trainer(UndecayedActivations, transformers.Trainer):
        ...     pass
    """

    def get_decay_parameter_names(self, model: nn.Module) -> list[str]:
        """Return the names of the parameters that decay: those of the `Trainer`, without the activations'."""
        shaping = shaping_parameters(model)
        undecayed = {name for name, value in model.named_parameters(remove_duplicate=False) if value in shaping}
        names: list[str] = super().get_decay_parameter_names(model)  # type: ignore[misc]
        return [name for name in names if name not in undecayed]


class WatchCallback(TrainerCallback):  # type: ignore[misc]
    """Watches the activations of the model that a `Trainer` trains; see `rectifiers.analysis.Watch`.

    Args:
        every: how many training batches it takes for one to be watched.

    Example:
        >>> WatchCallback(every=100).history is None
        True
    """

    def __init__(self, every: int = 50) -> None:
        self.every = every
        self.watch: Watch | None = None

    @property
    def history(self) -> History | None:
        """What has been recorded so far; None before training."""
        return self.watch.history if self.watch is not None else None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Begin to watch; no longer what a training before watched that did not come to its end."""
        if self.watch is not None:
            self.watch.close()
        self.watch = Watch(kwargs["model"], every=self.every)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Remove the hooks; the history stays."""
        assert self.watch is not None
        self.watch.close()


@register_quantization_config(KEY)
class _Swapped(QuantizationConfigMixin):  # type: ignore[misc]
    """The note of a configuration, in the form in which Transformers hands it to `_Swapper`."""

    def __init__(self, note: Any) -> None:
        self.quant_method, self.note = KEY, note


@register_quantizer(KEY)
class _Swapper(HfQuantizer):  # type: ignore[misc]
    """Carries plans out between the making of a model and the loading of its weights, as quantisers do."""

    is_trainable = True

    def is_serializable(self) -> bool:
        return True

    def _process_model_before_weight_loading(self, model: Any, **kwargs: Any) -> None:
        # Where Transformers has put this quantiser's settings, and in what models inside have of their own, the plans
        # leave their notes again.
        del model.config.quantization_config
        _remove_notes(module.config for module in model.modules() if isinstance(module, PreTrainedModel))
        for data in self.quantization_config.note["plans"]:
            _carry_out(data, model)
        self.noted = model.config.quantization_config

    def _process_model_after_weight_loading(self, model: Any, **kwargs: Any) -> Any:
        # Nothing is quantised, and nothing else is to think so.
        self.remove_quantization_config(model)
        for module in model.modules():
            if isinstance(module, PreTrainedModel):
                vars(module.config).pop("_is_quantized", None)
        model.config.quantization_config = self.noted
        shaping = shaping_parameters(model)
        for name, parameter in model.named_parameters():
            if parameter in shaping and not getattr(parameter, "_is_hf_initialized", False):
                raise ConfigError(
                    f"the weights have no {name}, which the swap noted in the configuration added; load the unswapped "
                    f"model with its own configuration, and call rectifiers.swap"
                )
        return model


def _carry_out(data: dict[str, Any], model: Any) -> None:
    """Carry out a plan on the model that it was made for, on its base, or on the base of what it was made for."""
    prefix = model.base_model_prefix
    plan = SwapPlan.from_json(json.dumps(data))
    errors = []
    for made, root in (
        (plan, model),
        (plan, getattr(model, prefix, None)),
        (SwapPlan.from_json(json.dumps(_strip(data, f"{prefix}."))), model),
    ):
        if root is None:
            continue
        try:
            made.apply(root)
            return
        except ConfigError as error:
            errors.append(error)
    raise errors[0]


def _strip(data: Any, prefix: str) -> Any:
    """Remove the prefix of all names in a plan."""
    if isinstance(data, dict):
        return {key: _strip(value, prefix) for key, value in data.items()}
    if isinstance(data, list):
        return [_strip(value, prefix) for value in data]
    return data.removeprefix(prefix) if isinstance(data, str) else data


def _get_quantizer_or_swapper(config: Any, quantization_config: Any, *args: Any, **kwargs: Any) -> Any:
    """Take a note for what it is, before Transformers reads it as a quantisation."""
    text = config.get_text_config(decoder=True)  # Transformers looks there, too; it may be the same.
    note = read_note(config)
    obstacles = note["obstacles"] if note else ["what was swapped is a part of this model"] if read_note(text) else []
    if note and quantization_config is not None:
        obstacles = [*obstacles, "it cannot be swapped and quantised at once"]
    if obstacles:
        raise UnsupportedError(
            f"this model was saved after a swap, which from_pretrained cannot repeat: {obstacles[0]}"
        )
    if note:
        _remove_notes([config, text])
        quantization_config = _Swapped(note)
    return _get_quantizer(config, quantization_config, *args, **kwargs)


def _remove_notes(configs: Iterable[Any]) -> None:
    for config in configs:
        if read_note(config) is not None:
            del config.quantization_config


modeling_utils.get_hf_quantizer = _get_quantizer_or_swapper
