"""Errors of the user's code in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from rectifiers.core.errors import ConfigError, UnknownNameError
from rectifiers.core.factory import locate, story


class Broken(Dataset[torch.Tensor]):
    """A data set one of whose pictures cannot be read."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> torch.Tensor:
        raise OSError(f"cannot decode\npicture {index}")


def test_an_error_is_one_line() -> None:
    assert story(ValueError("a\n  b")) == "ValueError: a b"
    assert story(KeyboardInterrupt()) == "KeyboardInterrupt"


def test_an_error_in_a_process_of_a_loader_is_what_was_raised_there() -> None:
    with pytest.raises(OSError, match="Original Traceback") as caught:
        next(iter(DataLoader(Broken(), num_workers=1)))
    assert story(caught.value) == "OSError: cannot decode picture 0"


@pytest.mark.parametrize(
    ("source", "advice"),
    [
        ("import sys\nsys.exit(2)", 'SystemExit: 2; it ends the program .* under if __name__ == "__main__":$'),
        ("from .layers import Block", "in the folder that holds the package$"),
        ("import nowhere_at_all", "No module named 'nowhere_at_all'$"),
    ],
)
def test_a_module_that_cannot_be_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, advice: str
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_script.py").write_text(source)
    with pytest.raises(ConfigError, match=advice):
        locate("own_script:net")


def test_modules_that_a_module_imports_are_no_suggestions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_names.py").write_text("import torch\nfrom torch import nn\n\ndef make_net(): return nn.ReLU()\n")
    with pytest.raises(UnknownNameError, match=r"unknown name in own_names 'tosch'; known: make_net$"):
        locate("own_names:tosch")
    with pytest.raises(UnknownNameError, match=r"did you mean make_net\?$"):
        locate("own_names:make_nett")
