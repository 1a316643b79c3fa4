"""One swap of a comparison as a value; it is part of trials, so it is read without loading PyTorch."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_serializer, field_validator
from typing_extensions import Self

from ...core.errors import ConfigError
from ..explain import explain

Value = bool | int | float | str


class Swap(BaseModel):
    """One activation put into a model: the arguments of `rectifiers.swap`, as a value.

    Example:
        >>> swap = Swap(to="pvlu", where="R1", options={"share": "channel"})
        >>> str(swap), swap == Swap.create(**swap.settings)
        ('pvlu:share=channel@R1', True)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    to: str = Field(description="registered name of the activation")
    where: str = Field("all", min_length=1, description="at which sites: the grammar of `rectifiers swap --where`")
    from_: tuple[str, ...] = Field(
        (), description="kinds of activation to replace; none: what the model rectifies with"
    )
    start: str | None = Field(None, description="where it starts: published, relu, was; none: what the swap decides")
    options: tuple[tuple[str, Value], ...] = Field((), description="options of the swap and of the activation")

    @classmethod
    def create(cls, **fields: Any) -> Self:
        """A swap from fields that a user wrote.

        Raises:
            ConfigError: a field is unknown, missing, or outside its domain.
        """
        try:
            return cls(**fields)
        except ValidationError as error:
            raise ConfigError(explain(error, "swap")) from None

    @field_validator("options", mode="before")
    @classmethod
    def _sorted(cls, value: Any) -> Any:
        return tuple(sorted(dict(value).items()))

    @field_serializer("options")
    def _as_mapping(self, value: tuple[tuple[str, Value], ...]) -> dict[str, Value]:
        return dict(value)

    @property
    def settings(self) -> dict[str, Any]:
        """The fields that differ from their defaults, as JSON holds them."""
        dumped = self.model_dump(mode="json")
        return {
            name: dumped[name]
            for name, field in type(self).model_fields.items()
            if getattr(self, name) != field.default
        }

    @property
    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of `rectifiers.swap`, besides the activation and the example."""
        from ...surgery.where import parse_where  # needs torch

        chosen: dict[str, Any] = {} if self.where == "all" else {"where": parse_where(self.where)}
        chosen |= {"from_": self.from_} if self.from_ not in ((), ("relu",)) else {}
        chosen |= {"start": self.start} if self.start else {}
        return chosen | dict(self.options)

    def __str__(self) -> str:
        options = {**({"start": self.start} if self.start else {}), **dict(self.options)}
        text = "".join(f":{name}={_word(value)}" for name, value in options.items())
        return f"{self.to}{text}{'' if self.where == 'all' else f'@{self.where}'}"


def _word(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
