"""Weights in files of safetensors and of PyTorch; nothing but tensors is unpickled."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from rectifiers.core.errors import DataError
from rectifiers.surgery.weights_file import load_safetensors, read_weights

STATE = nn.Linear(2, 3).state_dict()


@pytest.mark.parametrize("ending", [".pt", ".pth"])
@pytest.mark.parametrize("wrapper", [None, "state_dict", "model_state_dict", "model"])
def test_pytorch_files_read_as_safetensors_do(tmp_path: Path, ending: str, wrapper: str | None) -> None:
    kept = STATE if wrapper is None else {wrapper: STATE, "optimizer": {"lr": 0.1}, "epoch": 3}
    torch.save(kept, tmp_path / f"net{ending}")
    load_safetensors().torch.save_file(STATE, tmp_path / "net.safetensors")
    found, expected = (read_weights(tmp_path / name).tensors for name in (f"net{ending}", "net.safetensors"))
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(found[name], tensor)


class Malicious:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (Path("harmed"), "by a pickle")


def test_nothing_else_is_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for number, content in enumerate((Malicious(), {"weight": Malicious()}, nn.Linear(2, 3))):
        torch.save(content, f"{number}.pt")
        (tmp_path / f"plain{number}.pt").write_bytes(pickle.dumps(Malicious()))
        for name in (f"{number}.pt", f"plain{number}.pt"):
            with pytest.raises(DataError, match=r"holds more than tensors, which is never unpickled; save the model's"):
                read_weights(Path(name))
    assert not Path("harmed").exists()


@pytest.mark.parametrize("content", [[1, 2], {}, {"a": 1}, {"state_dict": {"a": "b"}}, torch.zeros(2)])
def test_files_without_weights(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "net.pt")
    with pytest.raises(DataError, match="where tensors by name are expected"):
        read_weights(tmp_path / "net.pt")


def test_damaged_and_missing_files(tmp_path: Path) -> None:
    torch.save(STATE, tmp_path / "net.pt")
    whole = (tmp_path / "net.pt").read_bytes()
    for length in (0, 1, 10, 100, len(whole) // 2, len(whole) - 1):
        (tmp_path / "net.pt").write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"net\.pt (is damaged|is not a file of weights)"):
            read_weights(tmp_path / "net.pt")
    with pytest.raises(DataError, match="cannot read"):
        read_weights(tmp_path / "none.pt")
