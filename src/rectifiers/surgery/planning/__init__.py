"""From the sites that were asked for to what is done: one planner for each way to put a function in.

Every planner takes what the example shows of the model, the sites to change and what to put there, and returns what it
planned: changes, sites that stay, edits. `follow.py` follows changed values through the model for those that need it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...activations import registry
from ...core.errors import ConfigError, UnsupportedError
from ...watching.sites import Site
from ...watching.survey import Survey
from .compensate import plan_compensation
from .fold import plan_folds
from .halve import plan_halving
from .planned import Planned
from .replace import plan_replacements
from .target import Target
from .widen import plan_widening

Planner = Callable[[Survey, Sequence[Site], Target], Planned]


def choose_planner(target: Target, *, halve: bool, compensate: bool) -> Planner:
    """The planner for what is to be put in.

    Raises:
        ConfigError: `halve` for a function that does not double the channels.
        UnsupportedError: a function that makes fewer channels.
    """
    if halve and not target.doubles_channels:
        raise ConfigError(f"halve=True is for functions that double the channels, such as crelu, not {target.title}")
    if target.folds:
        return plan_folds
    if target.doubles_channels:
        return plan_halving if halve else plan_widening
    if isinstance(target.activation, str) and registry.get(target.activation).spec.channel_factor != (1, 1):
        raise UnsupportedError(
            f"{target.title} makes fewer channels, which the layers after it do not expect; build the model with it"
        )
    return plan_compensation if compensate else plan_replacements
