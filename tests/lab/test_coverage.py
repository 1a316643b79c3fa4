"""How much of a table was run: cells count once, wherever their runs lie."""

from __future__ import annotations

from pathlib import Path

from rectifiers import lab
from rectifiers.experiments.store import Store
from rectifiers.lab.coverage import Coverage, count_cells
from rectifiers.papers import registry

from ..report.synthetic import result


def write(folder: Path, row: str, seeds: int, kernels: str) -> None:
    """Results of a row of AReLU's Table 1, at SGD 1e-3."""
    store = Store(folder, "arelu-table1")
    for cell in lab.open("arelu/table1", preset="paper", results=folder, settings={"kernels": kernels}).cells:
        if (cell.row, cell.column) == (row, "SGD 1e-3") and cell.trial.seed < seeds:
            store.write(result(cell.trial, 50.0))


def counted(results: Path) -> Coverage:
    return next(one for one in count_cells(registry.get("arelu/table1"), results) if one.preset == "paper")


def test_cells_that_were_run_with_the_fast_kernels_count(tmp_path: Path) -> None:
    write(tmp_path, "ReLU", 2, "reference")
    write(tmp_path, "AReLU", 5, "reference")
    assert counted(tmp_path) == Coverage("paper", 152, run=1, begun=1, runs=7, planned=760)
    write(tmp_path / "cpu-fused", "ReLU", 5, "cpu-fused")
    write(tmp_path / "cpu-fused", "PReLU", 1, "cpu-fused")
    assert counted(tmp_path) == Coverage("paper", 152, run=2, begun=1, runs=11, planned=760)


def test_a_folder_of_the_fast_kernels_alone(tmp_path: Path) -> None:
    write(tmp_path / "cpu-fused", "ReLU", 5, "cpu-fused")
    assert counted(tmp_path) == Coverage("paper", 152, run=1, runs=5, planned=760)
