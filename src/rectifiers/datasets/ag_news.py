"""AG's News: titles and first lines of news, in four topics (Zhang, Zhao, LeCun, 2015)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from .dataset import Dataset
from .files import Resource
from .published import PublishedSource
from .source import Size
from .text_rows import load_rows

_SITE = "https://raw.githubusercontent.com/mhjabreel/CharCnn_Keras/master/data/ag_news_csv/"


class AGNews(PublishedSource):
    """News in four topics: 120,000 + 7,600 texts of 1,014 characters, 4 classes.

    The files train.csv and test.csv lie in ag_news_csv or AG_NEWS, or in the data folder itself.
    """

    name: ClassVar[str] = "ag-news"
    size: ClassVar[Size | None] = Size((70, 1014), 4, 120_000, 7_600, 0.031)
    folders: ClassVar[tuple[str, ...]] = ("ag_news_csv", "AG_NEWS")
    # MD5 as torchtext listed them.
    resources: ClassVar[tuple[Resource, ...]] = (
        Resource("train.csv", "b1a00f826fdfbd249f79597b59e1dc12", (f"{_SITE}train.csv",)),
        Resource("test.csv", "d52ea96a97a2d943681189a97654912d", (f"{_SITE}test.csv",)),
    )
    classes: ClassVar[tuple[str, ...]] = ("World", "Sports", "Business", "Sci/Tech")

    def load(self, data_dir: Path) -> Dataset:
        """Encode both files."""
        train, test = ((str(path), resource.read(path)) for resource, path in self.locate(data_dir).items())
        return load_rows(self.name, self.classes, train, test, blank=True)
