"""Tiny ImageNet's archive: labels by the list of classes, grey pictures, and defects by name."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from rectifiers.core.errors import DataError
from rectifiers.datasets import check, load
from rectifiers.datasets.files import Resource
from rectifiers.datasets.tiny_imagenet import TinyImageNet

from .conftest import Files

CLASSES = ("n02", "n01", "n03")


def picture(colour: int | tuple[int, int, int], mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (64, 64), colour).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def tiny(md5: Callable[[bytes], str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Files]:
    """Packs a small Tiny ImageNet whose red is the label, with some files changed."""
    files = {"wnids.txt": "\n".join(CLASSES).encode() + b"\n", "words.txt": b"n01\tthing\n"}
    for label, name in enumerate(CLASSES):
        files |= {f"train/{name}/images/{name}_{number}.JPEG": picture((label, number, 0)) for number in range(2)}
        files[f"train/{name}/{name}_boxes.txt"] = b""
        files[f"val/images/val_{label}.JPEG"] = picture((label, 99, 0))
    files["test/images/test_0.JPEG"] = picture((77, 0, 0))
    files["val/val_annotations.txt"] = b"".join(
        f"val_{label}.JPEG\t{name}\t0\t0\t62\t62\n".encode() for label, name in reversed([*enumerate(CLASSES)])
    )

    def pack(**changes: bytes) -> Files:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, content in {**files, **changes}.items():
                archive.writestr(f"tiny-imagenet-200/{name}", content)
        name, content = "tiny-imagenet-200.zip", buffer.getvalue()
        monkeypatch.setattr(TinyImageNet, "resources", (Resource(name, md5(content), ("http://nowhere.invalid/",)),))
        return {name: content}

    return pack


def test_labels_follow_the_list_of_classes(tiny: Callable[..., Files], write: Callable[..., Path]) -> None:
    data = load("tiny-imagenet", write(tiny(), "tiny-imagenet"))
    assert (data.shape, data.classes) == ((3, 64, 64), CLASSES)
    assert data.train.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert data.test.labels.tolist() == [2, 1, 0]
    for split in (data.train, data.test):
        assert split.images[:, 0, 0, 0].tolist() == split.labels.tolist()


def test_grey_pictures_become_rgb_and_it_says_so(tiny: Callable[..., Files], write: Callable[..., Path]) -> None:
    data = load("tiny-imagenet", write(tiny(**{"val/images/val_1.JPEG": picture(1, "L")})))
    assert data.test.images[1].unique().tolist() == [1]
    assert "1 pictures converted from L to RGB" in data.note


def test_unreadable_picture_is_named(tiny: Callable[..., Files], write: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match=r"train/n01/images/n01_1.JPEG: cannot be read as a picture"):
        load("tiny-imagenet", write(tiny(**{"train/n01/images/n01_1.JPEG": b"broken"})))


@pytest.mark.parametrize("row", [b"val_0.JPEG\tn99\t0\n", b"val_0.JPEG\n", b"\n"])
def test_unknown_class_of_an_annotation(row: bytes, tiny: Callable[..., Files], write: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match=r"val_annotations.txt, line 1: expected a class of wnids.txt, found"):
        load("tiny-imagenet", write(tiny(**{"val/val_annotations.txt": row})))


def test_annotated_picture_is_missing(tiny: Callable[..., Files], write: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match=r"expected a file val/images/val_9.JPEG in the archive"):
        load("tiny-imagenet", write(tiny(**{"val/val_annotations.txt": b"val_9.JPEG\tn01\t0\n"})))


@pytest.mark.skipif(not check("tiny-imagenet").ready, reason="RECTIFIERS_DATA holds no Tiny ImageNet")
def test_published_tiny_imagenet() -> None:
    data = load("tiny-imagenet")
    assert (len(data.train), len(data.test), len(data.classes)) == (100000, 10000, 200)
