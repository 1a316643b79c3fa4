"""Leases: how runners that share a results folder, on one machine or on several, divide its trials.

A lease is a file that exists or does not, made by an operation that is atomic on network file systems too. Its name is
the trial's id and a number, 0 at first. A lease of a runner that died is not taken away, which two others could do at
once: the next number is made, and only one runner can make it. The highest number holds, and its holder removes it
before the lower ones.

A lease is a link to the file that says who its runner is, and that never changes. The names and inodes in the folder,
which one look gives, so tell whose all the leases are; leases are read only where the file system has no links, or no
inodes that tell. A runner that did not look lately may try to take what is taken: it fails, for the name is there.

A runner beats: it writes another file anew every few seconds. Others compare what they see there with what they saw
before, by the time in which they beat themselves. So clocks that differ or jump do no harm, nor does it if all stand
still, as on a machine that is suspended, or before a file server that does not answer.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from typing_extensions import Self

from ..core.errors import StoreError
from .processes import is_of_this_machine, this_process
from .runner_files import BEATS, FOLDER, IDENTITY, is_dead, read_facts, runner_file
from .trial import Trial

BEAT = 5.0
"""Seconds between two beats."""
EXPIRY = 90.0
"""Seconds without a beat after which a runner counts as dead; network file systems may show one a minute late."""

DIGITS = 6
"""Of a lease's number at most; a longer one was not made by a runner."""


class Leases:
    """The leases of one runner on the trials of a folder; a context that begins with a look, and in which it beats.

    Args:
        folder: of the runs.
        beat: seconds between two beats.
        expiry: seconds without a beat after which another runner counts as dead.
        clock: seconds in which this runner lived, for tests; counted in beats by default.

    Raises:
        StoreError: the folder cannot be written.

    Attributes:
        token: name of the runner.
        running: what its workers do, in words, by the id of the trial; others read it from its file.
        runners: how many there were at the last look, with this one.
        certain: whether all of them that held a trial then are known to live, because they were heard of twice or are
            processes of this machine; the others may have died before this one began.
    """

    def __init__(
        self, folder: Path, *, beat: float = BEAT, expiry: float = EXPIRY, clock: Callable[[], float] | None = None
    ) -> None:
        self.folder = folder / FOLDER
        self.token = uuid.uuid4().hex
        self.running: Mapping[str, str] = {}
        self.runners = 1
        self.certain = True
        self._place = f"{self.folder}/"
        self._identity = self.folder / f"{self.token}{IDENTITY}"
        self._lived = 0.0
        """Seconds in which it beat."""
        self._beat, self._expiry, self._clock = beat, expiry, clock or (lambda: self._lived)
        self._facts = {"token": self.token, "host": socket.gethostname(), "pid": os.getpid(), "process": this_process()}
        self._beats = 0
        self._mine: dict[str, int] = {}
        """The numbers of this runner's leases, by trial."""
        self._theirs: dict[str, int] = {}
        """The highest of the others' on each trial, at the last look."""
        self._held: set[str] = set()
        """The trials among them whose runner is not known to be dead."""
        self._others: dict[str, Mapping[str, Any]] = {}
        self._seen: dict[str, tuple[tuple[int, ...], float]] = {}
        self._heard: set[str] = set()
        """Those who beat after they were seen first."""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep_beating, name="leases", daemon=True)

    def __enter__(self) -> Self:
        try:
            self._introduce()
        except OSError as error:
            raise StoreError(f"cannot write {self.folder}: {error.strerror}; give another results folder") from None
        self._thread.start()
        self.look()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        for trial_id in list(self._mine):
            self._release(trial_id)
        for path in (self._identity, self._file(self.token)):
            with suppress(OSError):
                path.unlink()
        with suppress(OSError):  # others are at work
            self.folder.rmdir()

    def look(self) -> None:
        """See which trials others hold now, and how many runners there are."""
        files = self._list()
        self._theirs, runners = {}, {}
        for name, inode in files.items():
            stem, _, ending = name.rpartition(".")
            if ending.isdecimal() and len(ending) <= DIGITS:
                if stem not in self._mine:
                    self._theirs[stem] = max(int(ending), self._theirs.get(stem, 0))
            elif name.endswith(IDENTITY):
                runners[stem] = inode
        self.runners = max(1, len(runners))
        tokens = {inode: token for token, inode in runners.items()} if self._tells(runners) else {}
        dead: dict[str, bool] = {}
        self._held = set()
        for trial_id, number in self._theirs.items():
            name = f"{trial_id}.{number}"
            token = tokens.get(files[name]) or self._read_token(name)
            if token not in dead:
                dead[token] = self._is_dead(token)
            if not dead[token]:
                self._held.add(trial_id)
        self.certain = all(self._is_heard(token) for token in dead if not dead[token])

    def _list(self) -> dict[str, int]:
        """The names of all files, with their inodes."""
        try:
            with os.scandir(self.folder) as entries:
                return {entry.name: entry.inode() for entry in entries}
        except OSError:
            return {}

    def _tells(self, runners: Mapping[str, int]) -> bool:
        """Whether the inodes that are listed are those of the files."""
        try:
            return self._identity.stat().st_ino == runners.get(self.token)
        except OSError:
            return False

    def _read_token(self, name: str) -> str:
        """Whose a lease is; one that is half written, or damaged, is that of a runner that is never heard of."""
        found = read_facts(self._place + name).get("token")
        return found if isinstance(found, str) else name

    def is_held(self, trial: Trial) -> bool:
        """Whether another runner held it at the last look, and was not known to be dead."""
        return trial.id in self._held

    def take(self, trial: Trial) -> bool:
        """Take a lease on a trial; whoever succeeds has to look once more whether it has finished.

        Returns:
            False if a runner that lives holds it, or any that has taken it since the last look.

        Raises:
            StoreError: the folder cannot be written.
        """
        if trial.id in self._theirs:
            # It is taken over from a runner that died, if no other one did that since the last look.
            self.look()
        number = self._theirs.get(trial.id, -1) + 1
        if self.is_held(trial) or not self._try(trial, number):
            return False
        self._mine[trial.id] = number
        return True

    def _try(self, trial: Trial, number: int) -> bool:
        try:
            return self._make(f"{self._place}{trial.id}.{number}")
        except OSError as error:
            raise StoreError(f"cannot write {self.folder}: {error.strerror}; check its permissions") from None

    def release(self, trial: Trial) -> None:
        """Give a trial back, finished or not."""
        self._release(trial.id)

    def _release(self, trial_id: str) -> None:
        number = self._mine.pop(trial_id)
        lease = f"{self._place}{trial_id}."
        if os.path.exists(f"{lease}{number + 1}"):  # noqa: PTH110 - paths as objects take longer
            # Another runner took this one for dead, and removes all leases when it has done.
            self.look()
            return
        for lower in range(number, -1, -1):
            with suppress(OSError):
                os.unlink(f"{lease}{lower}")  # noqa: PTH108 - see above

    def _make(self, lease: str) -> bool:
        """Make a file that is not there, whole at once; False if it is there."""
        for _ in range(2):
            try:
                os.link(self._identity, lease)
            except FileExistsError:
                return False
            except FileNotFoundError:  # the folder was taken away
                self._introduce()
            except OSError:  # no links here: exclusive creation, whose content comes a moment later
                return self._make_exclusively(lease)
            else:
                return True
        return self._make_exclusively(lease)

    def _make_exclusively(self, lease: str) -> bool:
        try:
            with Path(lease).open("x", encoding="utf-8") as file:
                file.write(json.dumps(self._facts))
        except FileExistsError:
            return False
        return True

    def _is_dead(self, token: str) -> bool:
        """Whether another runner has died."""
        path = f"{self._place}{token}{BEATS}"
        state = _state(path)
        facts = self._others.get(token) or read_facts(path)
        if facts:
            self._others[token] = facts
        return is_dead(facts) or self._is_silent(token, state)

    def _is_heard(self, token: str) -> bool:
        """Whether a runner that is not dead is known to live."""
        return token in self._heard or is_of_this_machine(self._others.get(token, {}).get("process"))

    def _is_silent(self, token: str, state: tuple[int, ...]) -> bool:
        """Whether a runner's file has been in the same state for the length of `expiry`, as far as this runner saw."""
        known, since = self._seen.get(token, (None, 0.0))
        if known != state:
            self._seen[token] = (state, self._clock())
            if known is not None:
                self._heard.add(token)
            return False
        return self._clock() - since > self._expiry

    def _file(self, token: str) -> Path:
        return runner_file(self.folder.parent, token)

    def _introduce(self) -> None:
        """Write who this runner is, and that it lives."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._identity.write_text(json.dumps(self._facts), encoding="utf-8")
        self._write()

    def _write(self) -> None:
        self._beats += 1
        path = self._file(self.token)
        facts = {**self._facts, "beat": self._beats, "running": dict(self.running)}
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(facts), encoding="utf-8")
        temporary.replace(path)

    def _keep_beating(self) -> None:
        while not self._ended.wait(self._beat):
            try:
                self._write()
            except OSError:
                # A full disk has no room for words, but for the time of a beat.
                with suppress(OSError):
                    os.utime(self._file(self.token))
            self._lived += self._beat


def _state(path: str) -> tuple[int, ...]:
    """What tells a file from the one that was there before; empty where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - thousands of them
    except OSError:
        return ()
    return found.st_ino, found.st_mtime_ns, found.st_size
