"""Planning: one planner for each way to put a function in, from the selected sites to changes and edits.

Every planner takes what the example shows of the model, the sites to change and what to put there, and returns changes,
sites that stay, and edits. `follow.py` follows values that a swap makes different through the model, for the planners
that have to adapt other layers.
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
    """Return the planner for what is to be put in.

    Raises:
        ConfigError: `halve` is asked for with a function that does not double the channels.
        UnsupportedError: the function makes fewer channels.
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
