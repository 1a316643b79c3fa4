"""Yelp Full: reviews with one to five stars (Zhang, Zhao, LeCun, 2015)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from .dataset import Dataset
from .files import Resource
from .published import PublishedSource
from .source import Size
from .text_rows import load_rows


class YelpFull(PublishedSource):
    """Reviews with one to five stars: 650,000 + 50,000 texts of 1,014 characters, 5 classes.

    The archive lies in yelp, or in the data folder itself; it is read without being unpacked.
    """

    name: ClassVar[str] = "yelp-full"
    size: ClassVar[Size | None] = Size((70, 1014), 5, 650_000, 50_000, 0.196)
    folders: ClassVar[tuple[str, ...]] = ("yelp",)
    # fast.ai hosts the archive and states no hash; this MD5 is the one that public loaders of the file agree on.
    resources: ClassVar[tuple[Resource, ...]] = (
        Resource(
            "yelp_review_full_csv.tgz",
            "a4acce1892d0f927165488f62860cabe",
            ("https://s3.amazonaws.com/fast-ai-nlp/yelp_review_full_csv.tgz",),
        ),
    )
    classes: ClassVar[tuple[str, ...]] = ("1 star", "2 stars", "3 stars", "4 stars", "5 stars")

    def load(self, data_dir: Path) -> Dataset:
        """Encode the two files in the archive."""
        archive = self.open(data_dir)
        train, test = ((archive.where(file), archive.read_by_name(file)) for file in ("train.csv", "test.csv"))
        return load_rows(self.name, self.classes, train, test, blank=True)
