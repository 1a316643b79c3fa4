"""Data sets, one file each; embedded, local and downloadable ones look alike. Importing this imports no torch.

A new data set is one file that holds its `Source`, and one line in `TABLE`.
"""

from __future__ import annotations

import importlib
import os
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import ConfigError, DataError, UnknownNameError
from ..core.files import named_path
from ..core.registry import Registry

if TYPE_CHECKING:
    from .batches import Normalise as Normalise
    from .batches import order as order
    from .dataset import Dataset as Dataset
    from .dataset import Split as Split
    from .dataset import digest as digest
    from .examples import Examples as Examples
    from .source import Availability, Size, Source
    from .splits import folds as folds
    from .splits import hold_out as hold_out
    from .splits import subset as subset

TABLE = {
    "ag-news": "ag_news:AGNews",
    "cifar10": "cifar10:CIFAR10",
    "cifar10-gaussian": "cifar_gaussian:CIFAR10Gaussian",
    "cifar10-part": "cifar10:CIFAR10Part",
    "cifar100": "cifar100:CIFAR100",
    "cifar100-gaussian": "cifar_gaussian:CIFAR100Gaussian",
    "cifar100-part": "cifar100:CIFAR100Part",
    "cifar100-part-8": "cifar100_part_8:CIFAR100Part8",
    "class-incremental": "class_incremental:ClassIncremental",
    "digits": "digits:Digits",
    "digits-28": "digits_colour:Digits28",
    "digits-32": "digits_colour:Digits32",
    "fashion-mnist": "fashion_mnist:FashionMNIST",
    "folder": "folder:Folder",
    "generated": "generated:Generated",
    "imagenet": "imagenet:ImageNet",
    "lgg": "lgg:LGG",
    "lgg-prepared": "lgg:LGGPrepared",
    "mnist": "mnist:MNIST",
    "mnist-7": "mnist_7:MNIST7",
    "mnist-colour": "mnist_colour:MNISTColour",
    "mr": "mr:MR",
    "mr-pieces": "mr_pieces:MRPieces",
    "mr-short": "mr:MRShort",
    "npz": "npz:Npz",
    "permuted": "permuted:Permuted",
    "pictures": "streamed:StreamedFolder",
    "random-labels": "random_labels:RandomLabels",
    "slow-regression": "slow_regression:SlowRegression",
    "svhn": "svhn:SVHN",
    "svhn-28": "svhn_28:SVHN28",
    "text": "text:Text",
    "tiny-imagenet": "tiny_imagenet:TinyImageNet",
    "yelp-full": "yelp_full:YelpFull",
}


def _adopt(thing: Any, name: str, origin: str) -> type[Source]:
    """A class of sources, of one source or of a function that returns a data set."""
    from .adapting import as_source

    return as_source(thing, name, origin)


registry: Registry[type[Source]] = Registry("data set", __name__, TABLE, _adopt)

_HOME = {
    "Dataset": "dataset",
    "Examples": "examples",
    "Normalise": "batches",
    "Split": "dataset",
    "digest": "dataset",
    "folds": "splits",
    "hold_out": "splits",
    "order": "batches",
    "subset": "splits",
}


def load(name: str, data_dir: Path | str | None = None, *, download: bool = False) -> Dataset:
    """Load the data set called `name`; this happens once per process, so never write to its tensors.

    Data at a path of the user's are loaded again when their files have changed.

    Args:
        name: a registered name, or one with more after a colon, such as "folder:PATH" for data of your own.
        data_dir: folder with the data files; by default the environment variable RECTIFIERS_DATA, then "./data".
        download: fetch published files that are missing, and check their hashes.

    Raises:
        UnknownNameError: with the nearest names.
        ConfigError: a path is missing after the name, or does not belong there.
        DataError: files are missing, damaged, or not what they claim to be.

    Example:
        >>> load("digits")
        Dataset(digits: 1437 train, 360 test, 1×8×8, 10 classes)
    """
    source, folder = _source(name), data_folder(data_dir)
    if download:
        source.fetch(folder)
    stamp, key = _stamp(source), (source, folder)
    # Looked at before the files are read, so that what changes meanwhile is seen the next time.
    if key not in _loaded or _loaded[key][0] != stamp:
        from ..core.defaults import usual_defaults

        # They are kept, for callers with other defaults as well.
        with usual_defaults():
            _loaded[key] = stamp, source.load(folder)
    return _loaded[key][1]


def check(name: str, data_dir: Path | str | None = None) -> Availability:
    """Look for the files that the data set needs, without reading them.

    Args:
        name: as for `load`.
        data_dir: as for `load`.

    Raises:
        UnknownNameError: with the nearest names.
        ConfigError: a path is missing after the name, or does not belong there.

    Example:
        >>> check("digits").ready
        True
        >>> check("npz:nowhere.npz").missing
        ('nowhere.npz',)
    """
    return _source(name).look(data_folder(data_dir))


_loaded: dict[tuple[Source, Path], tuple[str | None, Dataset]] = {}


def _stamp(source: Source) -> str | None:
    """Tell the state of files at a path of the user's; None for other data, and where there are no files."""
    from .source import PathSource

    if not isinstance(source, PathSource):
        return None
    from .identity import stamp_path  # needs torch

    return stamp_path(source.path)


def _source(name: str) -> Source:
    kind, colon, given = name.partition(":")
    source = registry.get(kind)
    from .source import GivenSource  # the registry has imported it by now

    if not issubclass(source, GivenSource):
        if colon:
            raise ConfigError(f"data set {kind!r} takes no path, got {name!r}; write {kind!r}")
        return source()
    if not given:
        wanted = source.wanted
        raise ConfigError(f"data set {kind!r} needs a {wanted.lower()}, got {name!r}; write '{kind}:{wanted}'")
    return source(given)


def nothing_there(data: str, kind: str) -> DataError | UnknownNameError:
    """The error for a text that neither names data nor leads to any, with a folder here whose name is near.

    What is written as a path is not a misspelt name.

    Example:
        >>> print(nothing_there("fotos", "data set or folder"))  # doctest: +ELLIPSIS
        unknown data set or folder 'fotos'; known: ag-news, ...
    """
    if {"/", os.sep} & set(data):
        return DataError(f"there is no folder or file {data!r} in {Path.cwd()}")
    here = [path.name for path in Path.cwd().iterdir() if path.is_dir()]
    near = get_close_matches(data, here, n=1)
    return UnknownNameError(kind, data, near or registry)


def size(name: str) -> Size | None:
    """Give the size of a published data set, which is known without its files; None for others.

    Raises:
        UnknownNameError: with the nearest names.
        ConfigError: as for `load`.

    Example:
        >>> size("imagenet").train
        1281167
    """
    return _source(name).size


def digest_files(name: str) -> str | None:
    """Identify data at a path of the user's by sixteen hexadecimal digits, which stand for what the files hold.

    Returns:
        None for data sets that have no path, and where there are no files.

    Raises:
        UnknownNameError: with the nearest names.
        ConfigError: as for `load`.
        DataError: a file cannot be read.

    Example:
        >>> digest_files("digits"), digest_files("npz:nowhere.npz")
        (None, None)
    """
    if ":" not in name:
        return None
    from .source import PathSource

    source = _source(name)
    if not isinstance(source, PathSource):
        return None
    from .identity import digest_path  # needs torch

    return digest_path(source.path)


def data_folder(data_dir: Path | str | None = None) -> Path:
    """Resolve the folder with the data files to an absolute path.

    Args:
        data_dir: as for `load`.

    Raises:
        ConfigError: it is not a path.

    Example:
        >>> data_folder("/photographs").as_posix()
        '/photographs'
    """
    return named_path(data_dir or os.environ.get("RECTIFIERS_DATA") or "data", "the data folder")


if not TYPE_CHECKING:  # A misspelt name is an error to type checkers, too.

    def __getattr__(name: str) -> Any:
        if name in _HOME:
            return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
