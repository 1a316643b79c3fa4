"""Texts in comma-separated files: published ones, and of the user's own."""

from __future__ import annotations

import csv
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from rectifiers.core.errors import DataError
from rectifiers.datasets import check, load
from rectifiers.datasets.ag_news import AGNews
from rectifiers.datasets.characters import encode
from rectifiers.datasets.files import Resource
from rectifiers.datasets.text_rows import rows
from rectifiers.datasets.texts import Texts
from rectifiers.datasets.yelp_full import YelpFull

from .conftest import Files

TRAIN = b'"3","Wall St. Bears","Say ""so"", they\\ndo"\n"1","World","news"\n"4","A","b"\n'
TEST = b'"2","Sport","x"\n'


def codes(text: str) -> list[int]:
    return list(encode(text.encode()))[::-1]


def first(split: Texts, number: int, count: int) -> list[int]:
    return split.take(slice(number, number + 1))[0, :count].tolist()


@pytest.fixture
def ag_news(md5: Callable[[bytes], str], monkeypatch: pytest.MonkeyPatch) -> Files:
    files = {"train.csv": TRAIN, "test.csv": TEST}
    resources = tuple(
        Resource(name, md5(content), (f"http://nowhere.invalid/{name}",)) for name, content in files.items()
    )
    monkeypatch.setattr(AGNews, "resources", resources)
    return files


@pytest.fixture
def yelp(md5: Callable[[bytes], str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Files]:
    """Packs two files as the published archive."""

    def pack(**files: bytes) -> Files:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for name, content in files.items():
                member = tarfile.TarInfo(f"yelp_review_full_csv/{name}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        name, content = "yelp_review_full_csv.tgz", buffer.getvalue()
        monkeypatch.setattr(YelpFull, "resources", (Resource(name, md5(content), ("http://nowhere.invalid/",)),))
        return {name: content}

    return pack


@pytest.mark.parametrize("folder", ["ag_news_csv", "AG_NEWS", ""])
def test_ag_news(folder: str, ag_news: Files, write: Callable[..., Path]) -> None:
    data = load("ag-news", write(ag_news, folder))
    assert data.train.labels.tolist() == [2, 0, 3]
    assert data.test.labels.tolist() == [1]
    assert data.shape == (70, 1014)
    expected = codes('Wall St. Bears Say "so", they\ndo')
    assert first(data.train, 0, len(expected) + 1) == [*expected, 0]


def test_ag_news_damaged(ag_news: Files, write: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match=r"test.csv is damaged or another file of that name"):
        load("ag-news", write({**ag_news, "test.csv": TRAIN}))


def test_yelp_keeps_and_counts_empty_reviews(yelp: Callable[..., Files], write: Callable[..., Path]) -> None:
    data = load(
        "yelp-full", write(yelp(**{"train.csv": b'"5","good"\n"1",""\n', "test.csv": b'"3","so so"\n'}), "yelp")
    )
    assert data.train.labels.tolist() == [4, 0]
    assert first(data.train, 0, 4) == codes("good")
    assert data.note == "train: 1 texts are empty"


def test_yelp_lacks_a_file(yelp: Callable[..., Files], write: Callable[..., Path]) -> None:
    with pytest.raises(
        DataError, match=r"yelp_review_full_csv.tgz: expected one file test.csv in the archive, found 0"
    ):
        load("yelp-full", write(yelp(**{"train.csv": b'"5","good"\n'})))


@pytest.fixture
def own(write: Callable[..., Path]) -> Callable[..., str]:
    def own(train: bytes = b"1,good\n2,bad\n", test: bytes = b"2,awful\n", classes: bytes = b"fine\nfoul\n") -> str:
        return f"text:{write({'train.csv': train, 'test.csv': test, 'classes.txt': classes}, 'own')}/own"

    return own


def test_own_texts(own: Callable[..., str]) -> None:
    data = load(own())
    assert (data.classes, data.train.labels.tolist(), data.test.labels.tolist()) == (("fine", "foul"), [0, 1], [1])
    assert first(data.train, 0, 4) == codes("good")


def test_own_texts_from_a_spreadsheet(own: Callable[..., str]) -> None:
    """Excel begins what it saves as CSV UTF-8 with a mark of the byte order, and ends lines as Windows does."""
    mark = b"\xef\xbb\xbf"
    data = load(own(mark + b'1,good\r\n"2","bad"\r\n', mark + b'"2","awful"\r\n', mark + b"fine\r\nfoul\r\n"))
    assert (data.classes, data.train.labels.tolist(), data.test.labels.tolist()) == (("fine", "foul"), [0, 1], [1])
    assert first(data.train, 1, 3) == codes("bad")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (b"3,text\n", r"train.csv, line 2: expected a label from 1 to 2 and a text, got '3' and 1 field"),
        (b"0,text\n", r"line 2: expected a label from 1 to 2 and a text, got '0'"),
        (b"good,text\n", r"line 2: expected a label from 1 to 2 and a text, got 'good'"),
        (b"1\n", r"line 2: expected a label from 1 to 2 and a text, got '1' and 0 fields"),
        (b"1,\n", r"train.csv: text 2 is empty"),
        (b'1,"broken\n', r"train.csv, after line 2: cannot be read as rows of texts: unexpected end of data"),
        (b"1,caf\xe9\n", r"train.csv, after line .: cannot be read as rows of texts: 'utf-8'"),
    ],
)
def test_bad_row_is_named(row: bytes, message: str, own: Callable[..., str]) -> None:
    with pytest.raises(DataError, match=message):
        load(own(train=b"2,text\n" + row))


def test_own_texts_lack_a_file(own: Callable[..., str], tmp_path: Path) -> None:
    name = own()
    (tmp_path / "own" / "classes.txt").unlink()
    with pytest.raises(DataError, match=r"cannot read .*classes.txt: No such file"):
        load(name)
    with pytest.raises(DataError, match="no folder"):
        load(f"text:{tmp_path}/nowhere")


def test_one_class(own: Callable[..., str]) -> None:
    with pytest.raises(DataError, match="expected at least two classes, got 1"):
        load(own(train=b"1,a\n", test=b"1,b\n", classes=b"only\n"))


def test_a_text_may_be_longer_than_pythons_reader_takes_by_itself() -> None:
    before = csv.field_size_limit(1000)
    try:
        ((_, text),) = rows(b'"1","%s"\n' % (b"long " * 400), "example", classes=1)
    finally:
        csv.field_size_limit(before)
    assert len(text) == 2000


def test_blank_lines_between_rows_are_left_out() -> None:
    assert list(rows(b"1,a\n\n2,b\n", "test", 2)) == [(0, "a"), (1, "b")]


@pytest.mark.parametrize(("name", "sizes"), [("ag-news", (120000, 7600)), ("yelp-full", (650000, 50000))])
def test_published_texts(name: str, sizes: tuple[int, int]) -> None:
    if not check(name).ready:
        pytest.skip(f"RECTIFIERS_DATA holds no {name}")
    data = load(name)
    assert (len(data.train), len(data.test)) == sizes
