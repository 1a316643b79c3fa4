"""A description in Croissant names every file and column, with digests, in the vocabulary's words."""

from __future__ import annotations

import json
from hashlib import sha256

from rectifiers.report.croissant import Column, CSVTable, describe

TABLE = CSVTable(
    "cells",
    "A cell",
    [Column("row", "text", "its label"), Column("n", "whole", "seeds"), Column("mean", "number", "of them")],
    [{"row": 'α, "β"', "n": 2, "mean": 0.5}, {"row": "ReLU", "n": 0, "mean": None}],
)


def test_entries_that_are_not_there_are_empty() -> None:
    assert TABLE.to_csv() == 'row,n,mean\n"α, ""β""",2,0.5\nReLU,0,\n'


def test_files_and_columns_are_described() -> None:
    found = json.loads(describe([TABLE], name="things", license="MIT"))
    assert (found["name"], found["license"], found["@type"]) == ("things", "MIT", "sc:Dataset")
    (file,) = found["distribution"]
    assert file["@id"] == file["contentUrl"] == "cells.csv"
    assert file["sha256"] == sha256(TABLE.to_csv().encode()).hexdigest()
    (records,) = found["recordSet"]
    assert [(field["name"], field["dataType"]) for field in records["field"]] == [
        ("row", "sc:Text"),
        ("n", "sc:Integer"),
        ("mean", "sc:Float"),
    ]
    assert all(field["source"]["fileObject"] == {"@id": "cells.csv"} for field in records["field"])
    assert [field["source"]["extract"]["column"] for field in records["field"]] == ["row", "n", "mean"]


def test_terms_of_the_description_are_in_its_context() -> None:
    """What is no term of schema.org, which the context has as vocabulary, has to be said to be Croissant's."""
    found = json.loads(describe([TABLE], name="things"))
    context = found["@context"]
    for term in ("conformsTo", "recordSet", "field", "dataType", "source", "fileObject", "extract", "column"):
        assert json.dumps(context[term]).count("cr:") + json.dumps(context[term]).count("dct:") == 1
