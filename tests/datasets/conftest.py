"""Small files in the published formats."""

from __future__ import annotations

import gzip
import hashlib
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from rectifiers.datasets.files import Resource
from rectifiers.datasets.mnist import MNIST

IDX_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


Files = dict[str, bytes]
"""Name → content."""


@pytest.fixture(scope="session")
def encode_idx() -> Callable[[Tensor], bytes]:
    """The bytes of a uint8 tensor in IDX format."""

    def encode(tensor: Tensor) -> bytes:
        header = bytes([0, 0, 8, tensor.dim()]) + struct.pack(f">{tensor.dim()}I", *tensor.shape)
        return header + bytes(tensor.flatten().tolist())

    return encode


@pytest.fixture(scope="session")
def md5() -> Callable[[bytes], str]:
    """The hash of some bytes."""
    return lambda content: hashlib.md5(content).hexdigest()


@pytest.fixture
def tensors() -> dict[str, Tensor]:
    """What a small MNIST unpacks to: 20 and 10 images of 4×5."""
    generator = torch.Generator().manual_seed(0)

    def images(count: int) -> Tensor:
        return torch.randint(256, (count, 4, 5), generator=generator, dtype=torch.uint8)

    return dict(zip(IDX_FILES, (images(20), torch.arange(20) % 10, images(10), torch.arange(10)), strict=True))


@pytest.fixture
def publish(md5: Callable[[bytes], str], monkeypatch: pytest.MonkeyPatch) -> Callable[[Files, str], None]:
    """Let MNIST be the given compressed files, published at the given address."""

    def publish(packed: Files, address: str) -> None:
        resources = tuple(
            Resource(name, md5(content), (address + name,), md5(gzip.decompress(content)))
            for name, content in packed.items()
        )
        monkeypatch.setattr(MNIST, "resources", resources)

    return publish


@pytest.fixture
def small_mnist(
    tensors: dict[str, Tensor], encode_idx: Callable[[Tensor], bytes], publish: Callable[[Files, str], None]
) -> Files:
    """Let MNIST be the small one, out of reach; its compressed files."""
    packed = {f"{name}.gz": gzip.compress(encode_idx(tensor)) for name, tensor in tensors.items()}
    publish(packed, "http://nowhere.invalid/")
    return packed


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write files into a folder of `tmp_path`, and return `tmp_path`."""

    def write(files: Files, folder: str = "") -> Path:
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (tmp_path / folder / name).write_bytes(content)
        return tmp_path

    return write
