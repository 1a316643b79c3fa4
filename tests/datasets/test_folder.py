"""A folder of the user's own pictures: how it is split, converted and refused."""

from __future__ import annotations

import os
import shutil
import struct
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from rectifiers.core.errors import DataError
from rectifiers.datasets import check, digest, load
from rectifiers.datasets.folder import Folder


def paint(path: Path, colour: object = (10, 20, 30), mode: str = "RGB", size: tuple[int, int] = (6, 4)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Ten cats and five dogs on one level; each picture's red is its number."""
    for name, count in (("cat", 10), ("dog", 5)):
        for number in range(count):
            paint(tmp_path / "pets" / name / f"{number}.png", (number, 20, 30))
    return tmp_path / "pets"


def test_train_and_test_folders(tmp_path: Path) -> None:
    for part, count in (("train", 3), ("test", 2)):
        for label, name in enumerate(("cat", "dog")):
            for number in range(count):
                paint(tmp_path / part / name / f"{number}.bmp", (label, number, 7))
    data = load(f"folder:{tmp_path}")
    assert data.classes == ("cat", "dog")
    assert data.train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.shape == (3, 4, 6)
    assert data.train.images[:, 0, 0, 0].tolist() == data.train.labels.tolist()
    assert sorted(data.test.images[:, 1, 3, 5].tolist()) == [0, 0, 1, 1]
    assert data.note == ""


def test_one_level_is_split_by_file_name(pets: Path) -> None:
    data = load(f"folder:{pets}")
    assert data.train.labels.bincount().tolist() == [8, 4]
    assert data.test.labels.bincount().tolist() == [2, 1]
    reds = [
        (label, red)
        for split in (data.train, data.test)
        for label, red in zip(split.labels.tolist(), split.images[:, 0, 0, 0].tolist(), strict=True)
    ]
    assert sorted(reds) == [(0, n) for n in range(10)] + [(1, n) for n in range(5)]
    assert "fifth" in data.note


def test_split_does_not_depend_on_where_the_folder_lies(pets: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    before = load(f"folder:{pets}").test.images
    pets.rename(moved)
    assert np.array_equal(before, load(f"folder:{moved}").test.images)


@pytest.mark.parametrize(("mode", "colour"), [("L", 9), ("1", 1), ("RGBA", (9, 9, 9, 0)), ("LA", (9, 0)), ("P", 0)])
def test_other_modes_become_rgb_and_it_says_so(mode: str, colour: object, pets: Path) -> None:
    paint(pets / "cat" / "0.png", colour, mode)
    data = load(f"folder:{pets}")
    assert data.shape[0] == 3
    assert f"1 pictures converted from {mode} to RGB" in data.note


def test_palette_with_transparency(pets: Path) -> None:
    picture = Image.new("P", (6, 4), 0)
    picture.putpalette([200, 100, 50] * 256)
    picture.save(pets / "cat" / "0.png", transparency=bytes([0] * 256))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = load(f"folder:{pets}")
    assert max(data.train.images.max(), data.test.images.max()) == 200


def test_files_that_are_no_pictures_are_left_out(pets: Path) -> None:
    (pets / "cat" / "notes.txt").write_text("not a picture")
    (pets / ".cache").mkdir()
    data = load(f"folder:{pets}")
    assert len(data.train) + len(data.test) == 15


def test_mixed_sizes_name_two_files(pets: Path) -> None:
    paint(pets / "dog" / "3.png", size=(8, 8))
    with pytest.raises(DataError, match=r"differ in size: .*\.png has 6×4 pixels, .*dog/3\.png has 8×8"):
        load(f"folder:{pets}")


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\nbroken"])
def test_unreadable_picture_is_named(content: bytes, pets: Path) -> None:
    (pets / "dog" / "2.png").write_bytes(content)
    with pytest.raises(DataError, match=r"dog/2\.png: cannot be read as a picture: it is none of BMP, .*, or damaged$"):
        load(f"folder:{pets}")


def test_truncated_picture_is_named(pets: Path) -> None:
    path = pets / "dog" / "2.png"
    noise = np.random.default_rng(0).integers(256, size=(64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(DataError, match=r"dog/2\.png: cannot be read as a picture"):
        load(f"folder:{pets}")


def test_more_than_8_bits_are_refused(pets: Path) -> None:
    Image.fromarray(np.zeros((4, 6), np.uint16)).save(pets / "dog" / "2.png")
    with pytest.raises(DataError, match=r"dog/2\.png: expected 8 bits per channel, got mode I"):
        load(f"folder:{pets}")


def test_one_class(tmp_path: Path) -> None:
    paint(tmp_path / "cat" / "0.png")
    with pytest.raises(DataError, match="at least two class folders, found cat"):
        load(f"folder:{tmp_path}")


def test_class_with_too_few_pictures(pets: Path) -> None:
    paint(pets / "owl" / "0.png")
    with pytest.raises(DataError, match=r"owl: expected at least 2 pictures .*found 1"):
        load(f"folder:{pets}")


def test_train_and_test_classes_differ(tmp_path: Path) -> None:
    for folder in ("train/cat", "train/dog", "test/cat", "test/owl"):
        paint(tmp_path / folder / "0.png")
    with pytest.raises(DataError, match="only one has dog, owl"):
        load(f"folder:{tmp_path}")


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no folder .*nowhere"):
        load(f"folder:{tmp_path}/nowhere")
    assert check(f"folder:{tmp_path}/nowhere").missing == (f"{tmp_path}/nowhere",)


def test_archive_of_a_folder_is_read_in_place(pets: Path, tmp_path: Path) -> None:
    unpacked = load(f"folder:{pets}")
    archive = Path(shutil.make_archive(str(tmp_path / "packed"), "gztar", pets.parent, "pets"))
    before = sorted(tmp_path.rglob("*"))
    packed = load(f"folder:{archive}")
    assert digest(packed) == digest(unpacked)
    assert digest(load(f"folder:{archive.rename(archive.with_name('PACKED.TGZ'))}")) == digest(unpacked)
    archive.with_name("PACKED.TGZ").rename(archive)
    assert packed.classes == unpacked.classes
    assert sorted(tmp_path.rglob("*")) == before


def test_what_macos_puts_beside_pictures_is_no_picture(pets: Path, tmp_path: Path) -> None:
    plain = load(f"folder:{pets}")
    pictures = {path.relative_to(pets.parent).as_posix(): path.read_bytes() for path in pets.rglob("*.png")}
    beside = {f"{name.rpartition('/')[0]}/._{name.rpartition('/')[2]}": b"icon" for name in pictures}
    packed = {
        "finder": {f"__MACOSX/{name}": icon for name, icon in beside.items()},
        "tar": {**beside, "._pets": b"icon"},
    }
    for kind, more in packed.items():
        path = tmp_path / f"{kind}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in {**pictures, **more}.items():
                archive.writestr(name, content)
        assert digest(load(f"folder:{path}")) == digest(plain), kind
    for name, icon in beside.items():
        (pets.parent / name).write_bytes(icon)
    assert digest(Folder(str(pets)).load(tmp_path)) == digest(plain)


def test_val_serves_as_test(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        paint(tmp_path / "train" / name / "0.png")
        paint(tmp_path / "val" / name / "0.png")
    assert len(load(f"folder:{tmp_path}").test) == 2


def test_large_pictures_are_decoded_by_threads(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        for number in range(3):
            paint(tmp_path / name / f"{number}.png", (number, 0, 0), size=(300, 260))
    data = load(f"folder:{tmp_path}")
    reds = torch.cat([data.train.images, data.test.images])[:, 0, 200, 200]
    assert sorted(reds.tolist()) == [0, 0, 1, 1, 2, 2]
    assert data.shape == (3, 260, 300)


def test_a_picture_that_claims_to_be_larger_than_it_deserves(pets: Path) -> None:
    content = bytearray((pets / "cat" / "0.png").read_bytes())
    content[16:24] = struct.pack(">II", 9000, 9000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    (pets / "cat" / "0.png").write_bytes(content)
    with pytest.raises(DataError, match=r"cat/0\.png: .* bytes claim to be 9000×9000 pixels"):
        load(f"folder:{pets}")


def test_more_pictures_than_there_is_memory_for(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rectifiers.datasets.picture.free", lambda: 1000)
    with pytest.raises(DataError, match=r"15 pictures of 6×4 pixels take .* use pictures:PATH"):
        load(f"folder:{pets}")


def test_a_format_that_calls_another_program_is_refused(pets: Path) -> None:
    (pets / "cat" / "0.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 6 4\n%%EndComments\n")
    with pytest.raises(DataError, match=r"cat/0\.png: cannot be read as a picture"):
        load(f"folder:{pets}")


def test_names_in_other_encodings(pets: Path) -> None:
    (pets / "cat" / "0.png").rename(pets / "cat" / os.fsdecode(b"K\xe4fer.png"))
    for kind in ("folder", "pictures"):
        data = load(f"{kind}:{pets}")
        assert len(data.train) + len(data.test) == 15
        assert digest(data)
    (pets / "dog").rename(pets / os.fsdecode(b"K\xe4fer"))
    with pytest.raises(DataError, match=r"K\\xe4fer: expected a class's name that can be printed; rename the folder"):
        Folder(str(pets)).load(Path())
    (pets / os.fsdecode(b"K\xe4fer")).rename(pets / "two\nlines")
    with pytest.raises(DataError, match=r"two\\nlines: expected a class's name that can be printed"):
        Folder(str(pets)).load(Path())
