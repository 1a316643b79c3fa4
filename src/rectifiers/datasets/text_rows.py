"""Comma-separated files as Zhang, Zhao and LeCun (2015) publish texts: a label from 1, then fields."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import BytesIO, TextIOWrapper

from ..core.errors import DataError
from ..core.wording import plural
from .dataset import Dataset
from .texts import Texts

_NEWLINE = "\\n"


def load_rows(
    name: str, classes: tuple[str, ...], train: tuple[str, bytes], test: tuple[str, bytes], *, blank: bool = False
) -> Dataset:
    """Load a data set from two files of rows.

    Args:
        name: of the data set.
        classes: name of each label.
        train: path, for errors, and content of the file to learn from.
        test: path and content of the file to test on.
        blank: whether a text may be empty.

    Raises:
        DataError: see `rows` and `Texts.read`.
    """
    parts = {
        part: Texts.read(rows(content, where, len(classes)), where, blank=blank)
        for part, (where, content) in {"train": train, "test": test}.items()
    }
    note = "; ".join(f"{part}: {texts.note}" for part, texts in parts.items() if texts.note)
    return Dataset(name, parts["train"], parts["test"], classes, note)


def rows(content: bytes, where: str, classes: int) -> Iterator[tuple[int, str]]:
    r"""Read label and text of every row; fields are joined by a blank, and `\n` stands for the end of a line.

    Args:
        content: bytes of the file, in UTF-8, with or without the mark that spreadsheets begin it with.
        where: the file, for errors.
        classes: number of classes.

    Yields:
        Labels from 0, and texts.

    Raises:
        DataError: a row is not of this form, or its label is out of range.

    Example:
        >>> list(rows(b'"2","A title","Say ""yes""\\nor no"\n', "example", classes=2))
        [(1, 'A title Say "yes"\nor no')]
    """
    # A text may be as long as its file; by itself, Python refuses those of more than 128 KiB.
    csv.field_size_limit(max(csv.field_size_limit(), len(content)))
    reader = csv.reader(TextIOWrapper(BytesIO(content), encoding="utf-8-sig", newline=""), strict=True)
    numbers = {str(number): number - 1 for number in range(1, classes + 1)}
    try:
        for label, *fields in filter(None, reader):
            if label not in numbers or not fields:
                raise DataError(
                    f"{where}, line {reader.line_num}: expected a label from 1 to {classes} and a text, "
                    f"got {label[:40]!r} and {plural(len(fields), 'field')}"
                )
            yield numbers[label], " ".join(fields).replace(_NEWLINE, "\n")
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{where}, after line {reader.line_num}: cannot be read as rows of texts: {error}") from error
