"""What the layers of a small network make of each function that learns; writes benchmarks/results/shapes.json.

python benchmarks/shapes.py     about two minutes on two cores
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from rectifiers import lab
from rectifiers.activations import registry
from rectifiers.papers import registry as experiments

OUTPUT = Path(__file__).parent / "results" / "shapes.json"
EPOCHS = 12


def main() -> None:
    """Train one network per function, and keep the curves of its layers."""
    specs = [registry.get(name).spec for name in registry.names()]
    names = [spec.name for spec in specs if spec.learnable and spec.kind == "elementwise"]
    settings = {**experiments.get("quickstart").settings, "epochs": EPOCHS}
    made = lab.experiment(names, name="shapes", seeds=1, **settings)
    with tempfile.TemporaryDirectory() as folder:
        found = lab.run(made, results=folder, workers=1, progress=False)
    for label, failure in found.failed.items():
        print(f"{label}: {failure.reason}")
    functions: dict[str, Any] = {}
    for cell, result in found.outcomes:
        if result is not None and result.status == "done" and result.shapes:
            provenance = result.provenance
            functions[cell.row] = [json.loads(shape.model_dump_json()) for shape in result.shapes]
    how = (
        f"Trained for {EPOCHS} epochs on the 8×8 digits, with the settings of `quickstart`; seed 0; "
        f"commit {provenance['commit']}, PyTorch {provenance['torch']}."
    )
    lines = [f"{json.dumps(name)}: {json.dumps(shapes, separators=(',', ':'))}" for name, shapes in functions.items()]
    OUTPUT.write_text(
        f'{{"how": {json.dumps(how, ensure_ascii=False)},\n"functions": {{\n' + ",\n".join(lines) + "\n}}\n", "utf-8"
    )


if __name__ == "__main__":
    main()
