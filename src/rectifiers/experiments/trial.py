"""A trial is a value: everything that decides the outcome of one run, and nothing else."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from functools import cache, cached_property
from operator import itemgetter
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_validator,
)
from typing_extensions import Self

from ..core.errors import ConfigError, UnknownNameError
from ..training.trained import Trained
from .explain import ADAPTER_PATTERN, DEVICE_PATTERN, DIGEST_PATTERN, explain

Scalar = bool | int | float | str
Option = Scalar | tuple[int, ...]
"""An argument of a network: one thing, or a few whole numbers, such as the sites whose filters are halved."""


MOST = 10**7
"""More epochs than anybody trains, and more examples than anybody takes at a time: a slip of the pen."""
MOST_THREADS = 1024
"""More of them can take a machine down."""
MOST_NETWORKS = 1024
"""More of them fill its memory."""

DIGESTS = ("data_digest", "network_digest")
"""Fields that follow from what the others name, and that nobody writes."""


OPTIMIZERS = ("sgd", "adam", "adamw", "rmsprop")


ALONE = (
    "parallel",
    "start",
    "pretrained",
    "trained",
    "adapter",
    "mixup",
    "cutmix",
    "ema",
    "clip_norm",
    "accumulate",
    "precision",
    "compile",
    "patience",
    "augment",
    "validation",
    "folds",
    "vote",
    "patches",
    "trace_points",
    "kernels",
)
"""Fields that stay at their defaults where networks of several seeds are one computation."""


def _is_brought(name: str, info: ValidationInfo) -> bool:
    """Whether a trial says that a name comes from a file of the user's, which need not be there to read the trial."""
    return name in dict(info.data.get("own", ()))


class Trial(BaseModel):
    """One run described, frozen and hashable; its `id` names its results.

    Where the data lies, how many workers share the machine and how progress is shown are not part of it: they
    do not change the outcome. So two trials whose data have the same digest are equal, whatever the path.

    Example:
        >>> trial = Trial(dataset="digits", network="digits-conv", activation="arelu", optimizer="sgd", lr=0.01)
        >>> trial.id == Trial.create(**trial.model_dump()).id
        True
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    may_fuse: ClassVar[bool] = True
    """Whether its network may be run several parts at a time."""

    dataset: str = Field(description="data set: `rectifiers list datasets`")
    network: str = Field(
        description="network: `rectifiers list networks`, or one from outside: `package.module:factory`, `timm:NAME`, "
        "`torchvision:NAME`, `hf:TYPE`"
    )
    activation: str = Field(description="activation: `rectifiers list activations`")
    activation_args: tuple[tuple[str, Scalar], ...] = Field(
        (),
        description="arguments of the activation's class; in a network from outside also how `swap` puts it there: "
        "start, from_, cap, …",
    )
    where: str = Field(
        "all",
        min_length=1,
        description="at which of the network's activation sites: all, first, last, R1, R2, stage:1, names of its "
        "blocks, or numbers of its sites (`stem, block1` or `0, 2, 4`)",
    )
    base: str = Field("relu", description="activation at the other sites, and before them where a convolution is one")
    network_args: tuple[tuple[str, Option], ...] = Field((), description="arguments of the network's class")
    start: Trial | None = Field(
        None, description="trial whose trained weights it starts from; layers of another shape start afresh"
    )
    pretrained: str | None = Field(
        None, min_length=1, description="published weights that it starts from instead: docs/data.md lists them"
    )
    trained: Trained = Field(
        "all", description="what is trained; normalisation that is not trained keeps its statistics too"
    )
    adapter: str | None = Field(
        None,
        pattern=ADAPTER_PATTERN,
        description=(
            "what the package peft adds to the layers before the head once the weights are there: `ia3`, factors of "
            "their outputs, or `lora:RANK`, matrices of that rank"
        ),
    )
    own: tuple[tuple[str, str], ...] = Field(
        (), description="what its names refer to in the user's own files, with the hashes of these files"
    )
    optimizer: str = Field("sgd", description="optimizer: sgd, adam, adamw or rmsprop")
    lr: float = Field(gt=0, allow_inf_nan=False, description="learning rate")
    momentum: float = Field(0.0, ge=0, lt=1, description="momentum of sgd and rmsprop")
    nesterov: bool = Field(False, description="Nesterov's momentum, for sgd")
    rho: float | None = Field(
        None, gt=0, lt=1, description="decay of rmsprop's mean of squared gradients; None: PyTorch's, 0.99"
    )
    eps: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="what adam, adamw and rmsprop add to the root that they divide by; None: PyTorch's default, 1e-8",
    )
    weight_decay: float = Field(0.0, ge=0, allow_inf_nan=False, description="L2 penalty of the network's weights")
    activation_lr: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="learning rate of activation parameters; None: lr"
    )
    activation_weight_decay: float = Field(
        0.0, ge=0, allow_inf_nan=False, description="L2 penalty of the activations' parameters"
    )
    epochs: int = Field(
        1, ge=0, le=MOST, description="passes over the training data; with 0, the network is evaluated as it starts"
    )
    phase_epochs: int = Field(
        0, ge=0, le=MOST, description="for data that change: epochs from one change to the next; 0: they never change"
    )
    together: int = Field(
        0,
        ge=0,
        le=MOST_NETWORKS,
        description="how many seeds train as one computation, in the time of a few; 0: each by itself",
    )
    l2_init: float = Field(
        0.0, ge=0, allow_inf_nan=False, description="λ of a penalty λ‖θ − θ₀‖² that pulls all weights to their start"
    )
    shrink: float = Field(1.0, gt=0, le=1, description="factor by which all weights shrink when the data change")
    perturb: float = Field(
        0.0, ge=0, allow_inf_nan=False, description="share of freshly drawn weights that is added then"
    )
    redo: float | None = Field(
        None, ge=0, allow_inf_nan=False, description="score up to which units are redrawn then; None: none are"
    )
    batch_size: int = Field(128, ge=1, le=MOST, description="images per step")
    milestones: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (), description="epochs after which the learning rate is multiplied by gamma"
    )
    gamma: float = Field(0.1, gt=0, le=1, description="factor at each milestone")
    lr_decay: float = Field(0.0, ge=0, allow_inf_nan=False, description="the rate is divided by 1 + lr_decay·steps")
    schedule: Literal["milestones", "cosine", "one-cycle"] = Field(
        "milestones", description="how the learning rate changes from step to step"
    )
    warmup_epochs: int = Field(
        0, ge=0, description="epochs over which the learning rate rises, linearly from 0, or as one cycle does"
    )
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="share of each label that is spread evenly over all classes"
    )
    class_weights: Literal["balanced"] | tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...] | None = Field(
        None, description="weights of the classes in the loss: `balanced`, or a number for each"
    )
    mixup: float = Field(0.0, ge=0, allow_inf_nan=False, description="α of mixup; 0: none")
    cutmix: float = Field(0.0, ge=0, allow_inf_nan=False, description="α of CutMix; 0: none")
    ema: float = Field(
        0.0, ge=0, lt=1, description="decay of a moving average of the weights, which is evaluated and kept; 0: none"
    )
    clip_norm: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="norm to which larger gradients are scaled down; None: they are left as they are",
    )
    accumulate: int = Field(1, ge=1, description="batches whose gradients make one step")
    precision: Literal["float32", "bfloat16", "float16"] = Field(
        "float32",
        description="precision of the training steps where it does no harm (autocast); evaluation is in float32",
    )
    compile: bool = Field(False, description="compile the network with torch.compile")
    channels_last: bool = Field(True, description="images lie in memory with channels innermost")
    patience: int = Field(
        0, ge=0, description="epochs without a better validation score after which training ends; 0: never"
    )
    normalise: Literal["unit", "standard", "cifar10", "cifar100", "imagenet"] = Field(
        "unit",
        description="pixels: `unit` divides by 255, `standard` also removes mean and deviation per channel, as do the "
        "customary constants of `cifar10`, `cifar100` and `imagenet`",
    )
    augment: tuple[str, ...] = Field((), description="augmentation of training images, in order: `crop:4`, `flip`, …")
    train_size: int | None = Field(None, ge=1, description="use only this many training images; None: all")
    validation: float = Field(0.0, ge=0, lt=1, description="fraction of the training images held out for validation")
    folds: int = Field(
        0,
        ge=0,
        description="hold out one of this many folds for validation, the one whose number is seed mod folds; 0: none",
    )
    vote: int = Field(
        0,
        ge=0,
        le=MOST_NETWORKS,
        description="evaluate the mean output of this many networks, trained with seeds 0, 1, …; 0: of one",
    )
    patches: Literal[1, 10] = Field(1, description="evaluate on the centre, or on ten patches")
    trace_points: int = Field(0, ge=0, description="how often per epoch the activations' parameters are recorded")
    device: str = Field("cpu", pattern=DEVICE_PATTERN, description="where it trains: cpu, cuda, cuda:1, mps")
    threads: int = Field(
        1,
        ge=1,
        le=MOST_THREADS,
        description="threads of PyTorch; another number of them adds in another order, so that bits differ",
    )
    kernels: Literal["reference", "cpu", "cpu-fused", "triton"] = Field(
        "reference",
        description="what computes the functions: `cpu` and `triton` are kernels, faster than `reference` and rounded "
        "differently; `cpu-fused` also computes some neighbouring layers in one pass",
    )
    parallel: Literal["none", "ddp", "fsdp"] = Field(
        "none",
        description="how processes that `torchrun` started share the training: `ddp`, a copy of the network in each, "
        "or `fsdp`, a part of it; the number of processes changes the last bits",
    )
    seed: int = Field(0, ge=0, lt=2**31, description="root of all random streams")
    data_digest: str | None = Field(
        None, pattern=DIGEST_PATTERN, description="digest of the files, for data at a path; computed, not set by hand"
    )
    network_digest: str | None = Field(
        None, pattern=DIGEST_PATTERN, description="digest of the file that makes a network from outside; computed too"
    )

    def __eq__(self, other: object) -> bool:
        return self._content == other._content if isinstance(other, Trial) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._content)

    @property
    def _content(self) -> tuple[Any, ...]:
        """All that decides the outcome: the fields, with data of a digest in place of their path."""
        pathless = self._pathless
        values = self.__dict__ | pathless if pathless else self.__dict__
        content: tuple[Any, ...] = _values_of(type(self))(values)
        return content

    @property
    def _pathless(self) -> dict[str, str]:
        """Fields that name a file and have its digest, as the id knows them: without the path."""
        return {} if self.data_digest is None else {"dataset": self.dataset.partition(":")[0]}

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy the trial with other values in some fields, and so with an id of its own."""
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("id", None)
        return copied

    def with_seed(self, seed: int, id: str | None = None) -> Self:
        """Copy the trial, and all that it starts from, with another seed.

        Nothing is checked: the seed is within its domain, and none of them is a vote.

        Args:
            seed: of all of them.
            id: of the copy, from `ids_by_seed`; None computes it when it is asked for.
        """
        copied = type(self).__new__(type(self))
        values = self.__dict__ | {"seed": seed, "start": self.start and self.start.with_seed(seed)}
        values.pop("id", None)
        if id is not None:
            values["id"] = id
        # As `model_copy` does it, but with one set of names for all copies: there may be a hundred thousand.
        for name, value in (
            ("__dict__", values),
            ("__pydantic_fields_set__", self.__pydantic_fields_set__),
            ("__pydantic_extra__", None),
            ("__pydantic_private__", None),
        ):
            object.__setattr__(copied, name, value)
        return copied

    @classmethod
    def create(cls, **fields: Any) -> Self:
        """A trial from fields that a user wrote.

        Raises:
            ConfigError: a field is unknown, missing, or outside its domain.
        """
        try:
            return cls(**fields)
        except ValidationError as error:
            raise ConfigError(explain(error, "trial")) from None

    @field_validator("own", mode="before")
    @classmethod
    def _sorted_hashes(cls, value: Any) -> Any:
        return tuple(sorted(value.items())) if isinstance(value, Mapping) else value

    @field_validator("activation_args", "network_args", mode="before")
    @classmethod
    def _sorted_pairs(cls, value: Any, info: ValidationInfo) -> Any:
        try:
            arguments = dict(value)
        except (TypeError, ValueError):
            raise ValueError("expected a table such as {alpha = 0.9}") from None
        for name, item in arguments.items():
            if info.field_name == "network_args" and isinstance(item, list | tuple):
                if not all(isinstance(number, int) for number in item):
                    raise ValueError(f"{name} must be whole numbers, or a single number, truth value or word")
                arguments[name] = tuple(item)
            # Whole numbers may be too large for a float, too.
            elif not isinstance(item, Scalar) or not (isinstance(item, str) or abs(item) <= sys.float_info.max):
                raise ValueError(f"{name} must be a finite number, a truth value or a word")
        # 2 and 2.0 make equal trials, so they must make the same id.
        return tuple(
            (name, int(item) if isinstance(item, float) and item.is_integer() else item)
            for name, item in sorted(arguments.items())
        )

    @field_validator("optimizer")
    @classmethod
    def _known_optimizer(cls, value: str, info: ValidationInfo) -> str:
        if value not in OPTIMIZERS and not _is_brought(f"optimizer {value}", info):
            from ..training.optimizers import registry

            if value not in registry:
                raise ValueError("expected 'sgd', 'adam', 'adamw' or 'rmsprop'")
        return value

    @field_validator("augment")
    @classmethod
    def _known_augmentation(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        known = tuple(one for one in value if not _is_brought(f"augmentation {one.partition(':')[0]}", info))
        if known:
            # Needs torch, which reading trials does not.
            from ..training.augmentation import Augmentation

            try:
                Augmentation(known)
            except UnknownNameError as error:
                raise ValueError(str(error)) from None
        return value

    @field_serializer("activation_args", "network_args", "own")
    def _as_mapping(self, value: tuple[tuple[str, Option], ...]) -> dict[str, Option]:
        return dict(value)

    @field_serializer("start")
    def _without_defaults(self, value: Trial | None) -> dict[str, Any] | None:
        # Else a field added later would change the ids of all trials that start from another.
        return None if value is None else value.settings

    @model_validator(mode="after")
    def _one_start(self) -> Self:
        if self.start is not None and self.pretrained is not None:
            raise ValueError(
                "a trial starts either from another trial or from published weights; write pretrained into its start"
            )
        return self

    @model_validator(mode="after")
    def _settings_of_its_optimizer(self) -> Self:
        if self.momentum and self.optimizer not in ("sgd", "rmsprop"):
            has = "betas" if self.optimizer in OPTIMIZERS else "settings"
            raise ValueError(
                f"momentum is for sgd and rmsprop, and {self.optimizer} has {has} of its own; set momentum to 0"
            )
        if self.nesterov and not (self.optimizer == "sgd" and self.momentum):
            raise ValueError("nesterov needs sgd with momentum > 0")
        if self.rho is not None and self.optimizer != "rmsprop":
            raise ValueError(f"rho is for rmsprop, got optimizer {self.optimizer!r}")
        if self.eps is not None and self.optimizer not in ("adam", "adamw", "rmsprop"):
            raise ValueError(f"eps is for adam, adamw and rmsprop, got optimizer {self.optimizer!r}")
        return self

    @model_validator(mode="after")
    def _settings_of_its_schedule(self) -> Self:
        if list(self.milestones) != sorted(set(self.milestones)):
            raise ValueError(f"milestones must increase, got {self.milestones}")
        if self.schedule != "milestones" and (self.milestones or self.lr_decay):
            raise ValueError(f"milestones and lr_decay belong to schedule='milestones', not to {self.schedule!r}")
        if self.schedule != "milestones" and 0 < self.epochs <= self.warmup_epochs:
            raise ValueError(f"warmup_epochs must be fewer than the {self.epochs} epochs of schedule {self.schedule!r}")
        return self

    @model_validator(mode="after")
    def _one_way_to_validate(self) -> Self:
        if self.patience and not (self.validation or self.folds):
            raise ValueError("patience needs validation data; set validation to 0.1, for example")
        if self.folds == 1 or (self.folds and self.validation):
            raise ValueError("folds hold out validation data: there must be at least 2, and validation must be 0")
        return self

    @model_validator(mode="after")
    def _kernels_for_its_device(self) -> Self:
        if self.provider == "cpu" and self.device != "cpu":
            raise ValueError(
                f"kernels={self.kernels!r} run on device='cpu', not on {self.device!r}; take 'reference' or 'triton'"
            )
        if self.fuses and not self.may_fuse:
            raise ValueError("kernels='cpu-fused' is for the laboratory's networks; take 'cpu'")
        if self.kernels == "triton" and self.device == "mps":
            raise ValueError("kernels='triton' are not for device='mps'; take 'reference'")
        if self.kernels != "reference" and self.compile:
            raise ValueError(f"compile=true has no use for kernels={self.kernels!r}: a compiler fuses the reference")
        return self

    @model_validator(mode="after")
    def _means_to_keep_learning(self) -> Self:
        if (self.redo is not None or self.shrink < 1 or self.perturb) and not self.phase_epochs:
            raise ValueError("shrink, perturb and redo renew a network when its data change; set phase_epochs")
        if self.l2_init and self.precision == "float16":
            raise ValueError("l2_init does not work with float16, whose gradients are scaled; take bfloat16")
        return self

    @model_validator(mode="after")
    def _adapter_is_trained(self) -> Self:
        if (self.adapter is not None) != self.trained.startswith("adapter"):
            raise ValueError(
                f"adapter={self.adapter!r} does not work with trained={self.trained!r}; an adapter is trained by "
                "'adapter' or 'adapter and head'"
            )
        return self

    @model_validator(mode="after")
    def _fit_for_company(self) -> Self:
        if self.together:
            changed = [
                name for name, value in _defaults_of(type(self)) if name in ALONE and self.__dict__[name] != value
            ]
            if changed:
                raise ValueError(f"{changed[0]} is not for networks that are one computation; leave it or together out")
            if self.optimizer not in OPTIMIZERS:
                raise ValueError(f"together needs an optimizer that works element by element: {', '.join(OPTIMIZERS)}")
        return self

    @model_validator(mode="after")
    def _fit_for_several_processes(self) -> Self:
        if self.parallel != "none" and self.compile:
            raise ValueError("compile is for trainings of one process; leave out compile, or parallel")
        if self.parallel != "none" and self.l2_init:
            raise ValueError("l2_init is for trainings of one process; leave out l2_init, or parallel")
        if self.parallel != "none" and isinstance(self.class_weights, tuple | str):
            raise ValueError("class_weights is for trainings of one process; leave out class_weights, or parallel")
        if self.parallel == "fsdp" and (self.ema or self.trace_points or self.precision == "float16"):
            raise ValueError("ema, trace_points and precision='float16' need the whole network; use parallel='ddp'")
        return self

    @model_validator(mode="after")
    def _no_seed_of_a_vote(self) -> Self:
        if self.vote and self.seed:
            raise ValueError("a vote is one evaluation of networks with seeds 0, 1, …; its own seed is 0")
        return self

    @property
    def members(self) -> tuple[Trial, ...]:
        """The trials that a vote is taken of; none where it is not a vote."""
        return tuple(self.model_copy(update={"vote": 0, "seed": seed}) for seed in range(self.vote))

    @property
    def company(self) -> Trial | None:
        """What tells the trials that are one computation with it: equal for all of them; None where it is alone."""
        return self.model_copy(update={"seed": self.seed // self.together}) if self.together else None

    @property
    def ancestors(self) -> tuple[Trial, ...]:
        """The trials whose trained weights it needs."""
        return self.members or (() if self.start is None else (self.start,))

    @property
    def lineage(self) -> tuple[Trial, ...]:
        """The trials whose trained weights it needs, and those that these need, the nearest first, each once."""
        return tuple(dict.fromkeys(one for ancestor in self.ancestors for one in (ancestor, *ancestor.lineage)))

    @property
    def provider(self) -> str:
        """Who brings the kernels that formulas run on."""
        return self.kernels.partition("-")[0]

    @property
    def fuses(self) -> bool:
        """Whether parts of the network that follow one another are computed in one pass."""
        return self.kernels == "cpu-fused"

    @property
    def activations(self) -> tuple[str, ...]:
        """The names of all activations that it puts somewhere."""
        return self.activation, self.base

    @property
    def tells(self) -> bool:
        """Whether its training tells of each step, so that silence means that it hangs."""
        return True

    @property
    def settings(self) -> dict[str, Any]:
        """The fields that differ from their defaults, as JSON holds them."""
        # `exclude_defaults` keeps fields that have a serializer of their own, so the choice is made here.
        values = self.__dict__
        changed = {name for name, default in _defaults_of(type(self)) if values[name] != default}
        return self.model_dump(mode="json", include=changed)

    @cached_property
    def id(self) -> str:
        """Sixteen hexadecimal digits that stand for the trial.

        Defaults are left out of the hash, so that a field added later does not orphan the results there are.
        """
        return _digest(json.dumps(self._identity, sort_keys=True))

    def ids_by_seed(self) -> Callable[[int], str]:
        """What gives the ids of the copies that `with_seed` makes, without making them.

        Example:
            >>> trial = Trial(dataset="digits", network="digits-conv", activation="arelu", lr=0.01)
            >>> trial.ids_by_seed()(7) == trial.with_seed(7).id
            True
        """
        # The texts that ids are made of differ in the seeds alone, but for seed 0, which is a default and left out.
        parts = [
            json.dumps(self.with_seed(seed)._identity, sort_keys=True).split(f'"seed": {seed}')
            for seed in (_SEED, _SEED + 1)
        ]
        if parts[0] != parts[1]:
            return lambda seed: self.with_seed(seed).id
        return lambda seed: _digest(f'"seed": {seed}'.join(parts[0])) if seed else self.with_seed(0).id

    @property
    def _identity(self) -> dict[str, Any]:
        """The settings that the id stands for."""
        settings = self.settings | {"dataset": self.dataset} | self._pathless
        return settings if self.start is None else settings | {"start": self.start._identity}

    @property
    def undigested(self) -> Trial:
        """The trial as versions that knew data by their path alone wrote it."""
        start = None if self.start is None else self.start.undigested
        return self.model_copy(update={"start": start, **dict.fromkeys(DIGESTS)})

    def __str__(self) -> str:
        return " ".join(f"{name}={value}" for name, value in self.settings.items())


_SEED = 1234567890
"""A seed that can be told from other numbers."""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def _values_of(kind: type[Trial]) -> itemgetter[Any]:
    """What takes the values of all fields out of a trial's attributes."""
    return itemgetter(*kind.model_fields)


@cache
def _defaults_of(kind: type[Trial]) -> list[tuple[str, Any]]:
    return [(name, field.default) for name, field in kind.model_fields.items()]
