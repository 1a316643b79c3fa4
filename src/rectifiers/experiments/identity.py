"""What a trial is made of beyond its words: the digests of data at a path, and of files of the user's.

They are part of the trial, so that a replaced file makes other trials, and equal files make the same ones wherever
they lie.
"""

from __future__ import annotations

from collections.abc import Callable

from .. import datasets, networks
from ..core.errors import ConfigError, DataError
from . import own
from .trial import Trial


def identify(trial: Trial, digest_data: Callable[[str], str | None] = datasets.digest_files) -> Trial:
    """The trial with the digests that belong to its names; one that needs none stays the very same.

    Data that are not there yet have no digest.

    Args:
        trial: as its words say.
        digest_data: gives the digest of a data set; for many trials, one that remembers.

    Raises:
        RectifiersError: data cannot be read, or a network cannot be imported.
    """
    changes = {
        name: value
        for name, value in (
            ("start", None if trial.start is None else identify(trial.start, digest_data)),
            ("data_digest", digest_data(trial.dataset)),
            ("network_digest", _digest_network(trial.network)),
            ("own", own.digests_of(trial) or None),
        )
        if value is not None and value is not getattr(trial, name)
    }
    return trial.model_copy(update=changes) if changes else trial


def check_identity(trial: Trial) -> None:
    """Make sure that data and network are still those that the trial was made for.

    Raises:
        DataError: the data have changed since.
        ConfigError: the file that makes the network has changed since.
    """
    if trial.data_digest is not None and datasets.digest_files(trial.dataset) != trial.data_digest:
        raise DataError(
            f"the data of {trial.dataset} have changed since this trial was planned; run again for trials of the new "
            "ones"
        )
    if trial.network_digest is not None and _digest_network(trial.network) != trial.network_digest:
        raise ConfigError(
            f"the file that makes {trial.network} has changed since this trial was planned; run again for trials of "
            "the new one"
        )


def _digest_network(name: str) -> str | None:
    if not networks.is_outside(name):
        return None
    from ..networks import outside  # needs torch

    return outside.digest(name)
