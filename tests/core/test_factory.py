"""Errors of the user's code in one line."""

from __future__ import annotations

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from rectifiers.core.factory import story


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
