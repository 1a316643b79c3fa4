"""What is written of code that runs, also after its file was edited."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
import torch

from rectifiers import swap
from rectifiers.watching.source import is_written

MODEL = """\
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(4, 8), nn.Linear(8, 2)

    def forward(self, x):
        return self.last(F.relu(self.first(x)))
"""


@pytest.fixture
def model_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    file = tmp_path / "edited_model.py"
    file.write_text(MODEL)
    sys.modules.pop("edited_model", None)
    importlib.invalidate_caches()
    return file


def test_a_swap_keeps_what_runs_when_the_file_was_edited_since(model_file: Path) -> None:
    module = importlib.import_module("edited_model")
    net, x = module.Net(), torch.randn(3, 4)
    before = net(x)
    model_file.write_text(MODEL.replace("(x)))", "(x))) * 2"))
    assert not is_written(module.Net.forward.__code__)
    swap(net, "prelu", start="relu", example=x)
    assert torch.equal(net(x), before)


def test_what_is_imported_anew_is_known_again(model_file: Path) -> None:
    module = importlib.import_module("edited_model")
    assert is_written(module.Net.forward.__code__)
    model_file.write_text(MODEL.replace("(x)))", "(x))) * 2"))
    importlib.reload(module)
    assert is_written(module.Net.forward.__code__)
    for _ in range(100):  # Python writes faster steps into code that runs often
        module.Net()(torch.randn(3, 4))
    assert is_written(module.Net.forward.__code__)


def test_a_file_that_cannot_be_read_any_more_is_another(model_file: Path) -> None:
    module = importlib.import_module("edited_model")
    model_file.write_text("def (")
    assert not is_written(module.Net.forward.__code__)
