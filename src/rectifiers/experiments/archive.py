"""Results to publish: one file in place of a folder per trial, small enough to keep under version control.

A results folder that holds it as `results.jsonl` is read like one with the trials' own folders.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from ..core.errors import StoreError
from .explain import explain
from .result import Result

NAME = "results.jsonl"


def to_jsonl(results: Iterable[Result]) -> str:
    """One result per line, without the curves and traces, which are nearly all of its size."""
    return "".join(result.model_dump_json(exclude={"shapes", "trace"}) + "\n" for result in results)


def read_jsonl(path: Path, text: bytes) -> dict[str, Result]:
    """Results by the id of their trial.

    Args:
        path: where the text comes from, for errors.
        text: what `to_jsonl` made.

    Raises:
        StoreError: a line is damaged.
    """
    results: dict[str, Result] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            result = Result.model_validate_json(line)
        except ValidationError as error:
            raise StoreError(f"{path}, line {number} is damaged ({explain(error, 'result')}); restore it") from None
        results[result.trial.id] = result
    return results
