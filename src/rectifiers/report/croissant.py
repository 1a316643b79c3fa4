"""Tables in CSV files, described in Croissant: JSON-LD by which catalogues and loaders of data sets know their fields.

The vocabulary is version 1.0 of `docs.mlcommons.org/croissant/docs/croissant-spec.html`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

Kind = Literal["text", "whole", "number", "truth"]

_TYPES: Mapping[Kind, str] = {
    "text": "sc:Text",
    "whole": "sc:Integer",
    "number": "sc:Float",
    "truth": "sc:Boolean",
}

_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context that the specification prescribes, word for word."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Args:
        name: its head.
        kind: what its entries are; any may be empty.
        meaning: of its entries, with their unit.
    """

    name: str
    kind: Kind
    meaning: str


@dataclass(frozen=True)
class CSVTable:
    """A table that becomes a file.

    Args:
        name: of the file, without its ending.
        meaning: what a row is.
        columns: in their order.
        rows: entries by column; None where there is none.
    """

    name: str
    meaning: str
    columns: Sequence[Column]
    rows: Sequence[Mapping[str, Any]]

    @property
    def file(self) -> str:
        """The file's name."""
        return f"{self.name}.csv"

    def to_csv(self) -> str:
        """One line per row, with a header; an entry is empty where there is none.

        Example:
            >>> print(CSVTable("t", "", [Column("a", "truth", "")], [{"a": True}, {"a": None}]).to_csv(), end="")
            a
            True
            ""
        """
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, [column.name for column in self.columns], lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        return buffer.getvalue()


def describe(tables: Iterable[CSVTable], **about: Any) -> str:
    """Describe tables, each a CSV file beside the description, with its digest and its columns.

    Args:
        tables: what they hold.
        **about: of the whole, in the terms of schema.org: name, description, license, url, version, datePublished, ….

    Returns:
        JSON-LD.
    """
    there = list(tables)
    document = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        **about,
        "distribution": [_file(table) for table in there],
        "recordSet": [_records(table) for table in there],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _file(table: CSVTable) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": table.file,
        "name": table.file,
        "description": table.meaning,
        "contentUrl": table.file,
        "encodingFormat": "text/csv",
        "sha256": sha256(table.to_csv().encode()).hexdigest(),
    }


def _records(table: CSVTable) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": table.name,
        "name": table.name,
        "description": table.meaning,
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{table.name}/{column.name}",
                "name": column.name,
                "description": column.meaning,
                "dataType": _TYPES[column.kind],
                "source": {"fileObject": {"@id": table.file}, "extract": {"column": column.name}},
            }
            for column in table.columns
        ],
    }
