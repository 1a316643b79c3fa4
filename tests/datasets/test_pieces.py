"""Texts as word pieces: packed, ordered, cut to the longest of a batch; and the package that brings the vocabulary."""

from __future__ import annotations

import hashlib
import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from rectifiers.core.errors import ConfigError, DataError, UnknownNameError
from rectifiers.datasets import check, digest, load
from rectifiers.datasets.files import Resource
from rectifiers.datasets.mr_pieces import LENGTH, MRPieces, load_tokenizer
from rectifiers.datasets.packaged import PackagedFile
from rectifiers.datasets.pieces import GROUP, Numbers, Pieces

from .test_mr import NEG, POS, sentences

FILE = "tokenizer.json"


def pieces(count: int = 150) -> Pieces:
    lengths = torch.randint(1, 9, (count,), generator=torch.Generator().manual_seed(0)).tolist()
    return Pieces.pack([[7] * length for length in lengths], [number % 2 for number in range(count)], length=8)


def lengths(texts: torch.Tensor) -> torch.Tensor:
    return (texts != 0).sum(1)


def test_an_epoch_has_every_text_once_and_groups_in_the_order_of_their_lengths() -> None:
    texts = pieces()
    order = texts.order(3, 0)
    assert order.sort().values.tolist() == list(range(len(texts)))
    assert not torch.equal(order, texts.order(3, 1))
    for group in order.split(GROUP):
        found = lengths(texts.pieces[group])
        assert torch.equal(found, found.sort().values)


def test_in_the_order_of_their_lengths_with_their_labels() -> None:
    texts = pieces()
    found = texts.by_length()
    assert torch.equal(lengths(found.pieces), lengths(texts.pieces).sort().values)
    assert found.labels[lengths(found.pieces) == 3].tolist() == texts.labels[lengths(texts.pieces) == 3].tolist()


def test_batches_end_with_their_longest_text() -> None:
    texts = pieces()
    batch = texts.take(torch.tensor([0, 1, 2]))
    numbers = texts.numbers("unit")(batch)
    assert numbers.dtype == torch.float32
    assert numbers.shape == (3, int(lengths(batch).max()))
    assert torch.equal(numbers.int(), batch[:, : numbers.shape[1]])
    assert Numbers()(torch.zeros(2, 8, dtype=torch.int32)).shape == (2, 1)


def test_what_pieces_are_not() -> None:
    with pytest.raises(ConfigError, match="texts have no pixels to scale"):
        pieces().numbers("standard")
    with pytest.raises(UnknownNameError, match="normalisation"):
        pieces().numbers("units")
    with pytest.raises(DataError, match=r"here: expected int32 pieces N×length, got torch\.int64"):
        Pieces(torch.ones(2, 3, dtype=torch.int64), torch.tensor([0, 1])).check("here", 2)
    with pytest.raises(DataError, match="2 texts but 1 label"):
        Pieces(torch.ones(2, 3, dtype=torch.int32), torch.tensor([0])).check("here", 2)


@pytest.fixture
def bring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], PackagedFile]:
    """Let there be a package with a file of this content."""

    def bring(content: bytes) -> PackagedFile:
        package = f"brought_{tmp_path.name}"
        (tmp_path / package / "model").mkdir(parents=True)
        (tmp_path / package / "__init__.py").write_text("raise ImportError('nobody imports it')")
        (tmp_path / package / "model" / FILE).write_bytes(content)
        monkeypatch.syspath_prepend(str(tmp_path))
        importlib.invalidate_caches()
        resource = Resource(FILE, hashlib.sha256(content).hexdigest(), (), algorithm="sha256")
        return PackagedFile(package, "model", resource, "encoder")

    return bring


def test_a_file_of_a_package_is_read_without_importing_it(bring: Callable[[bytes], PackagedFile]) -> None:
    file = bring(b"words")
    assert file.look().ready
    assert file.read() == b"words"
    file.look().found[0].write_bytes(b"other words")
    with pytest.raises(DataError, match=r"tokenizer.json is damaged or another file of that name: expected sha256"):
        file.read()


def test_a_package_that_is_not_installed() -> None:
    file = PackagedFile("not_there_at_all", "model", Resource(FILE, "", ()), "encoder")
    assert file.look().missing == ("tokenizer.json of not_there_at_all",)
    advice = r'tokenizer.json comes with the package not_there_at_all; install "rectifiers\[encoder\]"'
    with pytest.raises(DataError, match=advice):
        file.read()


def test_without_tokenizers(bring: Callable[[bytes], PackagedFile], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ConfigError, match=r'need the package tokenizers; install "rectifiers\[encoder\]"'):
        load_tokenizer(bring(b"{}"), LENGTH)


def test_sentences_of_mr_in_pieces(
    write: Callable[..., Path], bring: Callable[[bytes], PackagedFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    vocabulary = {"[PAD]": 0, "[UNK]": 1, "bad": 2, "good": 3}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, "[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    monkeypatch.setattr(MRPieces, "tokenizer", bring(made.to_str().encode()))
    folder = write({NEG: sentences("bad"), POS: sentences("good")}, "data/MR") / "data"
    data, characters = load("mr-pieces", folder), load("mr", folder)
    assert check("mr-pieces", folder).ready
    assert (len(data.train), len(data.test), data.shape) == (9595, 1067, (LENGTH,))
    train = data.train
    assert isinstance(train, Pieces)
    assert torch.equal(train.pieces[:, 0] - 2, train.labels.int())
    assert torch.equal(data.train.targets, characters.train.targets)
    assert "0.0% of the texts are cut" in data.note
    assert digest(data) == digest(MRPieces().load(folder))


def test_the_package_itself() -> None:
    if not check("mr-pieces").ready:
        pytest.skip(", ".join(check("mr-pieces").missing))
    data = load("mr-pieces")
    test = data.test
    assert isinstance(test, Pieces)
    # Every text begins and ends with a mark, those that are cut too.
    assert set(test.pieces[:, 0].tolist()) == {101}
    assert {int(row[row != 0][-1]) for row in test.pieces} == {102}
    assert "4.3% of the texts are cut at 48 pieces" in data.note
