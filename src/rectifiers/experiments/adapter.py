"""What the package peft adds to a trial's network, as rivals of activations that learn: LoRA and IA³."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ..core.errors import ConfigError
from ..core.parts import parameters_of
from ..core.seeds import derive
from .trial import Trial


def load_peft() -> Any:
    """The package.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import peft
    except ModuleNotFoundError:
        raise ConfigError('an adapter comes from the package peft; install "rectifiers[peft]"') from None
    return peft


def insert_adapter(trial: Trial, net: nn.Module) -> None:
    """Put the trial's adapter into all convolutions and linear layers but the head, in place; outputs stay the same.

    Raises:
        ConfigError: peft is not installed, or cannot adapt this network.
    """
    assert trial.adapter is not None
    peft = load_peft()
    head = parameters_of(net, {"head"})
    layers = [
        name
        for name, module in net.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d) and module.weight not in head
    ]
    kind, _, rank = trial.adapter.partition(":")
    config = (
        peft.IA3Config(target_modules=layers, feedforward_modules=[])
        if kind == "ia3"
        else peft.LoraConfig(target_modules=layers, r=int(rank), lora_alpha=int(rank))
    )
    torch.manual_seed(derive(trial.seed, "adapter"))
    try:
        peft.inject_adapter_in_model(config, net)
    except ValueError as error:
        raise ConfigError(f"peft cannot put {trial.adapter} into {trial.network}: {error}") from None
