"""Results to publish: one file in place of a folder per trial, small enough to keep under version control.

A results folder that holds it as `results.jsonl` is read like one with the trials' own folders.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from ..core.errors import StoreError
from ..core.wording import plural
from .explain import explain
from .result import Result

NAME = "results.jsonl"
_PACKED = re.compile(rb',"packed":(\d{1,9})\}$')


def to_jsonl(results: Iterable[Result]) -> str:
    """One result per line, without the curves and traces, which are most of its size; each line tells how many."""
    lines = [result.model_dump_json(exclude={"shapes", "trace"}) for result in results]
    return "".join(f'{line[:-1]},"packed":{len(lines)}}}\n' for line in lines)


def read_jsonl(path: Path, text: bytes) -> dict[str, Result]:
    """Results by the id of their trial.

    Args:
        path: where the text comes from, for errors.
        text: what `to_jsonl` made.

    Raises:
        StoreError: a line is damaged, or some are missing.
    """
    results: dict[str, Result] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            result = Result.model_validate_json(line)
        except ValidationError as error:
            raise StoreError(f"{path}, line {number} is damaged ({explain(error, 'result')}); restore it") from None
        results[result.trial.id] = result
    if cut := describe_cut(text):
        raise StoreError(f"{path} {cut}; restore it")
    return results


def describe_cut(text: bytes) -> str:
    """How many of the results are there that the lines tell of; nothing where all are."""
    # Lines of earlier versions do not tell; files that were joined tell of each.
    told = Counter(int(count) for line in text.splitlines() for count in _PACKED.findall(line))
    cuts = (
        f"is cut off: {lines} of {plural(count, 'result')} are there" for count, lines in told.items() if lines < count
    )
    return next(cuts, "")
