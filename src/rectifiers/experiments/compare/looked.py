"""Which looks a comparison has had, in earlier calls too: each spends its share of α once, and no look is forgotten.

A call whose budget ends looks at what it has. When a later call goes on with a larger budget, its first look is another
one, also where it comes before the number of pairs at which the first was planned, or concerns another contender.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock

from ...core.errors import StoreError
from ...core.reading import parse_json
from ..counting import LOOKS
from ..store import read_bytes, write_atomically


@dataclass(frozen=True)
class Look:
    """A look at a comparison.

    Args:
        rows: labels of what was compared, the baseline first.
        pairs: how many there were of each.
    """

    rows: tuple[str, ...]
    pairs: int


class Looked:
    """The looks of comparisons, by a key that stands for one of them.

    Args:
        folder: where they are kept; None keeps them as long as this object.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._path = None if folder is None else folder / LOOKS
        self._known: dict[str, list[Look]] = {}

    def past(self, key: str) -> list[Look]:
        """All looks so far, in their order.

        Raises:
            StoreError: the file is damaged.
        """
        return list(self._read().get(key, ()))

    def note(self, key: str, look: Look) -> int:
        """Keep a look, before anybody sees what it shows.

        Returns:
            Its number, counted from 1. One that a call beside this one has noted is the same look.

        Raises:
            StoreError: it cannot be written.
        """
        with self._alone():
            known = self._read()
            looks = known.setdefault(key, [])
            if look not in looks:
                looks.append(look)
                self._write(known)
            return looks.index(look) + 1

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let no other call write meanwhile: calls that share runs end them at the same time."""
        if self._path is None:
            yield
            return
        with ExitStack() as stack:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with suppress(NotImplementedError):  # on some file systems of clusters
                    stack.enter_context(FileLock(self._path.with_name(".looks.lock")))
            except OSError as error:
                raise StoreError(f"cannot write {self._path}: {error.strerror}; check its permissions") from None
            yield

    def _write(self, known: dict[str, list[Look]]) -> None:
        if self._path is None:
            self._known = known
            return
        text = json.dumps({name: [asdict(one) for one in looks] for name, looks in known.items()}, indent=1)
        write_atomically(self._path, text + "\n")

    def _read(self) -> dict[str, list[Look]]:
        if self._path is None:
            return {key: list(looks) for key, looks in self._known.items()}
        text = read_bytes(self._path)
        if text is None:
            return {}
        try:
            return {
                key: [Look(tuple(map(str, one["rows"])), int(one["pairs"])) for one in looks]
                for key, looks in parse_json(text).items()
            }
        except (ValueError, KeyError, TypeError, AttributeError):
            raise StoreError(
                f"{self._path} is damaged, so it is not known how often the comparison has been judged; restore it, "
                "or move "
                f"{self._path.parent} away"
            ) from None
