"""A trial of the user's own model: the same value as any other, with names for what the user brought."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag, field_serializer

from ..trial import Trial
from .swap import Swap


class OwnTrial(Trial):
    """One run of a user's model, frozen and hashable; its `id` names its results.

    Names are those that `references.refer` gives, with a digest of code or content. Where the user's own function
    trains, the settings of our loop do not count and keep their defaults.

    Example:
        >>> trial = OwnTrial(network="my.models:make_net#0123456789ab", swaps=(Swap(to="pvlu"),), seed=1)
        >>> OwnTrial(**trial.settings) == trial
        True
    """

    may_fuse: ClassVar[bool] = False

    dataset: str = Field("", description="data: a folder, a registered name, or the name of what the user brought")
    network: str = Field(description="name of the function that makes the model")
    weights: str = Field("", description="file of the weights that it starts from, with a digest of what it holds")
    activation: str = Field("relu", description="what other activations are compared with")
    lr: float = Field(0.01, gt=0, allow_inf_nan=False, description="learning rate")
    channels_last: bool = Field(False, description="images and weights lie in memory with channels innermost")
    swaps: tuple[Swap, ...] = Field((), description="activations put into the model, one after the other")
    change: str = Field("", description="name of the function that changes the model instead")
    example: str = Field("", description="what the model is called with to see its activations; a shape, or a name")
    train: str = Field("", description="name of the user's training; none: the built-in loop")
    passed: tuple[str, ...] = Field((), description="settings that the user's training gets: lr, epochs, device, …")
    task: str = Field("", description="what is learned; none: as the targets suggest")
    loss: str = Field("", description="loss: a name, or the name of the user's")
    measure: str = Field("", description="what tells how good a network is: a name, or the name of the user's")
    unit: str = Field("", description="unit of the measure")
    better: Literal["", "higher", "lower"] = Field("", description="which of it is better; none: as its name says")
    default_dtype: Literal["float16", "bfloat16", "float32", "float64"] = Field(
        "float32", description="what PyTorch makes parameters and tensors of where the user's code does not say"
    )
    untested: bool = Field(
        False, description="whether test data are left alone, where there are validation data to choose on"
    )
    tuning: bool = Field(False, description="whether it is there to choose a learning rate")
    repeat: int = Field(0, ge=0, description="number of the repetition of the same run, to see whether it is the same")

    @field_serializer("swaps")
    def _swaps_without_defaults(self, value: tuple[Swap, ...]) -> list[dict[str, Any]]:
        # Else a field added later would change the ids of all trials with swaps.
        return [swap.settings for swap in value]

    @property
    def _pathless(self) -> dict[str, str]:
        return super()._pathless | ({"weights": self.weights.rpartition("#")[2]} if self.weights else {})

    @property
    def activations(self) -> tuple[str, ...]:
        """The names of the activations that are put into the model."""
        return tuple(swap.to for swap in self.swaps)

    @property
    def references(self) -> tuple[str, ...]:
        """The names of what the user brought."""
        names = (self.network, self.dataset, self.change, self.example, self.train, self.loss, self.measure)
        return tuple(name for name in names if "#" in name)

    @property
    def tells(self) -> bool:
        """Whether our loop trains, which tells of each step; the user's own may be silent for hours."""
        return not self.train

    @property
    def is_portable(self) -> bool:
        """Whether another process can carry it out."""
        from .references import is_importable  # needs torch

        return all(map(is_importable, self.references))


def _kind(value: Any) -> str:
    """Whether a trial that is read is of a user's own model: it has fields that no other has."""
    if isinstance(value, Mapping):
        return "own" if set(value) & _FIELDS else "trial"
    return "own" if isinstance(value, OwnTrial) else "trial"


_FIELDS = set(OwnTrial.model_fields) - set(Trial.model_fields)

AnyTrial = Annotated[Annotated[OwnTrial, Tag("own")] | Annotated[Trial, Tag("trial")], Discriminator(_kind)]
"""A trial of either kind, as results hold it."""
