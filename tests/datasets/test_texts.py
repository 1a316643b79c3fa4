"""Texts as codes of letters: the published alphabet, bounds, temporary files, and what is refused."""

from __future__ import annotations

import gc
import tempfile
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rectifiers.core.errors import ConfigError, DataError, UnknownNameError
from rectifiers.datasets.characters import ALPHABET, OneHot, encode
from rectifiers.datasets.dataset import Dataset, digest
from rectifiers.datasets.texts import Texts


def one_hot(text: str, length: int) -> torch.Tensor:
    """The encoding as its authors describe it, a character at a time."""
    rows = torch.zeros(len(ALPHABET), length)
    for place, character in enumerate(reversed(text[-length:])):
        letter = ALPHABET.find(character.lower() if character.isascii() else "")
        if character.isascii() and letter >= 0:
            rows[letter, place] = 1
    return rows


def test_alphabet() -> None:
    assert len(ALPHABET) == 70
    assert " " not in ALPHABET
    assert ALPHABET.count("-") == 2
    assert len(set(ALPHABET)) == 69


@given(st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=8), st.integers(1, 40))
def test_as_described(strings: list[str], length: int) -> None:
    # A majority of letters, so that no text set is refused.
    texts = Texts.read([(0, "a" * 300), *((1, text) for text in strings)], "test", length=length)
    batch = OneHot()(texts.take(slice(0, len(texts))))
    assert batch.dtype == torch.float32
    assert torch.equal(batch[1:], torch.stack([one_hot(text, length) for text in strings]))


def test_one_code_per_character_whatever_its_bytes() -> None:
    assert list(encode("é日😀a".encode())) == [0, 0, 0, 1]
    assert list(encode(ALPHABET.encode())) == [ALPHABET.find(letter) + 1 for letter in ALPHABET]
    assert encode(b"ABC") == encode(b"abc")


def test_many_texts_keep_their_bounds() -> None:
    strings = [f"text number {number}" for number in range(25_000)]
    texts = Texts.read(enumerate(strings), "test", length=20)
    for number in (0, 9_999, 10_000, 24_999):
        expected = one_hot(strings[number], 20)
        assert torch.equal(OneHot()(texts.take(torch.tensor([number])))[0], expected)
    assert texts.longest == len(strings[-1])


def test_parts_share_the_codes() -> None:
    texts = Texts.read([(0, "ab"), (1, "cd"), (0, "ef")], "test", length=2)
    part = texts.part(torch.tensor([True, False, True]))
    assert part.codes.data_ptr() == texts.codes.data_ptr()
    assert part.take(slice(0, 2)).tolist() == [[2, 1], [6, 5]]
    assert part.labels.tolist() == [0, 0]


def test_temporary_file_is_gone_and_its_content_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    texts = Texts.read([(0, "abc"), (1, "def")], "test")
    gc.collect()
    assert not list(tmp_path.iterdir())
    assert texts.take(slice(1, 2))[0, :4].tolist() == [6, 5, 4, 0]


def test_no_room_for_the_temporary_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(
        DataError, match=r"train.csv: cannot keep its texts in a temporary file.*point TMPDIR elsewhere"
    ):
        Texts.read([(0, "abc")], "train.csv")


def test_shape_and_digest() -> None:
    data = Dataset("test", *(Texts.read([(0, a), (1, "b")], "test") for a in ("a", "c")), ("no", "yes"))
    assert data.shape == (70, 1014)
    assert repr(data) == "Dataset(test: 2 train, 2 test, 70×1014, 2 classes)"
    assert digest(data) != digest(Dataset("test", data.train, data.train, ("no", "yes")))


def test_empty_text_is_named() -> None:
    with pytest.raises(DataError, match=r"train.csv: text 2 is empty; remove it"):
        Texts.read([(0, "a"), (1, "")], "train.csv")
    assert Texts.read([(0, "a"), (1, "")], "train.csv", blank=True).note == "1 texts are empty"


def test_no_texts() -> None:
    with pytest.raises(DataError, match=r"train.csv: expected texts, found none"):
        Texts.read([], "train.csv")


def test_unknown_characters_are_counted() -> None:
    assert (
        Texts.read([(0, "naïve café"), (1, "plain")], "test").note
        == "14.29% of the characters are outside the alphabet"
    )


def test_foreign_letters_are_refused() -> None:
    with pytest.raises(DataError, match=r"train.csv: 78% of its characters are outside the alphabet of 70"):
        Texts.read([(0, "текст a b"), (1, "ёж")], "train.csv")


def test_normalisation() -> None:
    texts = Texts.read([(0, "a"), (1, "b")], "test")
    assert texts.numbers("unit") == OneHot()
    with pytest.raises(ConfigError, match=r"texts have no pixels to scale.*'standard'; use 'unit'"):
        texts.numbers("standard")
    with pytest.raises(UnknownNameError, match="did you mean unit"):
        texts.numbers("units")


def test_labels_out_of_range() -> None:
    texts = Texts.read([(0, "a"), (2, "b")], "test")
    with pytest.raises(DataError, match="test, train: labels run from 0 to 2, expected 0 to 1"):
        Dataset("test", texts, texts, ("no", "yes"))
