"""Who imports whom among the kernels' files."""

from __future__ import annotations

import grimp

from rectifiers import kernels


def test_dispatch_names_no_provider() -> None:
    graph = grimp.build_graph("rectifiers")
    package = kernels.__name__
    assert graph.find_modules_directly_imported_by(f"{package}.dispatch") == {
        "rectifiers.core.errors",
        f"{package}.provider",
    }
    # So are imports within functions, or this would show nothing.
    assert f"{package}.triton.operators" in graph.find_modules_directly_imported_by(f"{package}.triton.loading")
