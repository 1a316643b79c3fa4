"""What there is, by name. Imports no torch, but for the states of the papers' entries."""

from __future__ import annotations

import importlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .. import papers
from ..experiments.counting import count_results
from .kinds import KINDS, check_kind

PAPERS, CLAIMS = "papers", "claims"
"""What can be listed besides the kinds of things that have a registry."""


def list_kind(kind: str, results: Path, data_dir: Path, *, states: bool = True) -> list[dict[str, Any]]:
    """Everything of one kind, each with its name and a line about it.

    Args:
        kind: one of `KINDS`, or `papers`.
        results: folder that holds the runs; experiments say how many results there are.
        data_dir: folder with the files of data sets.
        states: give the tables and figures of every paper with their states, which takes a moment.

    Raises:
        UnknownNameError: there is no such kind.

    Example:
        >>> list_kind("experiments", Path("nowhere"), Path("nowhere"))[-1]["name"]
        'quickstart'
    """
    check_kind(kind, (*KINDS, PAPERS, CLAIMS))
    if kind == PAPERS:
        return [_paper(name, results, data_dir, states=states) for name in _paper_names()]
    registry = KINDS[kind]
    things: list[dict[str, Any]] = [{"name": name, "summary": registry.summary(name)} for name in registry]
    if kind == "experiments":
        for thing in things:
            folder = registry.facts(thing["name"]).get("runs") or thing["name"]
            thing["runs"] = count_results(results / folder.replace("/", "-"))
    return things


def list_claims(results: Path | None = None) -> list[dict[str, Any]]:
    """What the papers claim, and what is known about it: the fields of `lab.claims.Judged`.

    Args:
        results: folder that holds the runs to judge by; None takes what the published results say.

    Example:
        >>> list_claims()[0]["paper"]
        'arelu'
    """
    if results is None:
        from ..papers.claims import published_claims

        return published_claims()
    from .claims import judge_claims

    return [one.to_dict() for one in judge_claims(results)]


def _paper_names() -> list[str]:
    return sorted({name.partition("/")[0] for name in papers.registry if "/" in name})


def _paper(name: str, results: Path, data_dir: Path, *, states: bool) -> dict[str, Any]:
    package = importlib.import_module(f"{papers.__name__}.{name}")
    paper = {"name": name, "summary": package.PAPER, "drawings": package.DRAWINGS}
    return paper | ({"entries": _entries(name, results, data_dir)} if states else {})


def _entries(paper: str, results: Path, data_dir: Path) -> list[dict[str, Any]]:
    """The tables and figures of a paper, each with its state."""
    from ..papers.state import state
    from .coverage import count_cells, describe, published_coverage

    published = published_coverage()
    return [
        {
            "name": name,
            "summary": papers.registry.summary(name),
            "state": state(experiment, data_dir),
            "lacking": experiment.lacking,
            "gpu": experiment.gpu,
            "runs": sum(one.runs for one in coverage),
            "cells": [asdict(one) for one in coverage],
            "published": [asdict(one) for one in published.get(name, ())],
            "coverage": describe(coverage, results, published.get(name, ())),
        }
        for name in papers.registry
        if name.startswith(f"{paper}/")
        for experiment in [papers.registry.get(name)]
        for coverage in [count_cells(experiment, results)]
    ]
