"""Claims: how runners that share a results folder, on one machine or on several, divide its trials.

A claim is a file that exists or does not, made by an operation that is atomic on network file systems too. Its name is
the trial's id and a number, 0 at first. A claim of a runner that died is not taken away, which two others could do at
once: the next number is made, and only one runner can make it. The highest number holds, and its holder removes it
before the lower ones.

A claim is a link to the file that says who its runner is, and that never changes. The names and inodes in the folder,
which one look gives, so tell whose all the claims are; claims are read only where the file system has no links, or no
inodes that tell.

A runner beats: it writes another file anew every few seconds. Others compare what they see there with what they saw
before, by their own steady clock, so that clocks that differ or jump do no harm.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from typing_extensions import Self

from ..core.errors import StoreError
from .processes import this_process
from .runner_files import BEATS, FOLDER, IDENTITY, is_dead, read_facts, runner_file
from .trial import Trial

BEAT = 5.0
"""Seconds between two beats."""
EXPIRY = 90.0
"""Seconds without a beat after which a runner counts as dead; network file systems may show one a minute late."""


class Claims:
    """The claims of one runner on the trials of a folder; a context in which it beats.

    Args:
        folder: of the runs.
        beat: seconds between two beats.
        expiry: seconds without a beat after which another runner counts as dead.
        clock: seconds that never jump, for tests.

    Raises:
        StoreError: the folder cannot be written.

    Attributes:
        token: name of the runner.
        running: what its workers do, in words, by the id of the trial; others read it from its file.
        runners: how many there were at the last look, with this one.
    """

    def __init__(
        self, folder: Path, *, beat: float = BEAT, expiry: float = EXPIRY, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.folder = folder / FOLDER
        self.token = uuid.uuid4().hex
        self.running: Mapping[str, str] = {}
        self.runners = 1
        self._place = f"{self.folder}/"
        self._beat, self._expiry, self._clock = beat, expiry, clock
        self._facts = {"token": self.token, "host": socket.gethostname(), "pid": os.getpid(), "process": this_process()}
        self._beats = 0
        self._mine: dict[str, int] = {}
        """The numbers of this runner's claims, by trial."""
        self._files: dict[str, int] = {}
        """The inodes of all files at the last look, by name."""
        self._tokens: dict[int, str] = {}
        """Whose claims have an inode."""
        self._numbers: dict[str, set[int]] = {}
        """Those of the claims on each trial."""
        self._holders: dict[str, str] = {}
        """Who holds a trial, if another runner does, dead or alive."""
        self._unknown: set[str] = set()
        """Trials on which there are claims whose inode does not tell whose they are."""
        self._dead: dict[str, bool] = {}
        """Which runners have died, as far as it was asked since the last look."""
        self._others: dict[str, Mapping[str, Any]] = {}
        self._seen: dict[str, tuple[str, float]] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep_beating, name="claims", daemon=True)

    def __enter__(self) -> Self:
        try:
            self._introduce()
        except OSError as error:
            raise StoreError(f"cannot write {self.folder}: {error.strerror}; give another results folder") from None
        self._thread.start()
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
        """See which trials are claimed now, and by how many runners."""
        files = self._list()
        changed = {name for name, _ in files.items() ^ self._files.items()}
        self._files = files
        self._dead.clear()
        trials = {name.rpartition(".")[0] for name in changed if self._note_claim(name)} | self._unknown
        if any(name.endswith(IDENTITY) for name in changed):
            # What an inode says may be another thing now.
            trials.update(self._numbers)
            self._note_runners()
        for trial_id in trials:
            self._note_holder(trial_id)

    def _list(self) -> dict[str, int]:
        try:
            with os.scandir(self.folder) as entries:
                return {entry.name: entry.inode() for entry in entries}
        except OSError:
            return {}

    def _note_claim(self, name: str) -> bool:
        """Note that a file is there or is not; whether it is a claim."""
        trial_id, _, ending = name.rpartition(".")
        if not ending.isdecimal():
            return False
        numbers = self._numbers.setdefault(trial_id, set())
        (numbers.add if name in self._files else numbers.discard)(int(ending))
        if not numbers:
            del self._numbers[trial_id]
        return True

    def _note_runners(self) -> None:
        """Note who there is, and by which inode; by none where listed inodes are not those of the files."""
        there = {name.removesuffix(IDENTITY): inode for name, inode in self._files.items() if name.endswith(IDENTITY)}
        self.runners = max(1, len(there))
        try:
            tells = self._identity.stat().st_ino == there.get(self.token)
        except OSError:
            tells = False
        self._tokens = {inode: token for token, inode in there.items()} if tells else {}

    def _note_holder(self, trial_id: str) -> None:
        """Note who holds a trial, as the last look showed it."""
        self._unknown.discard(trial_id)
        numbers = self._numbers.get(trial_id)
        if not numbers or trial_id in self._mine:
            self._holders.pop(trial_id, None)
            return
        name = f"{trial_id}.{max(numbers)}"
        token = self._tokens.get(self._files[name])
        if token is None:
            self._unknown.add(trial_id)
            found = read_facts(self._place + name).get("token")
            # One that is half written, or damaged, is that of a runner of which nothing is ever heard.
            token = found if isinstance(found, str) else name
        self._holders[trial_id] = token

    def is_held(self, trial: Trial) -> bool:
        """Whether another runner held it at the last look, and is not known to be dead."""
        token = self._holders.get(trial.id)
        return token is not None and not self._is_dead(token)

    def take(self, trial: Trial) -> bool:
        """Claim a trial; whoever succeeds has to look once more whether it has finished.

        Returns:
            False if a runner that lives holds it.

        Raises:
            StoreError: the folder cannot be written.
        """
        number = 0
        if not self._try(trial, number):
            self.look()
            numbers = self._numbers.get(trial.id)
            if not numbers or self.is_held(trial):
                return False
            number = max(numbers) + 1
            if not self._try(trial, number):
                return False
        self._mine[trial.id] = number
        self._holders.pop(trial.id, None)
        return True

    def _try(self, trial: Trial, number: int) -> bool:
        try:
            return self._make(self.folder / f"{trial.id}.{number}")
        except OSError as error:
            raise StoreError(f"cannot write {self.folder}: {error.strerror}; check its permissions") from None

    def release(self, trial: Trial) -> None:
        """Give a trial back, finished or not."""
        self._release(trial.id)

    def _release(self, trial_id: str) -> None:
        number = self._mine.pop(trial_id)
        if os.path.exists(f"{self._place}{trial_id}.{number + 1}"):  # noqa: PTH110 - as with names, paths take longer
            # Another runner took this one for dead, and removes all claims when it has done.
            self.look()
            self._note_holder(trial_id)
            return
        for lower in range(number, -1, -1):
            name = f"{trial_id}.{lower}"
            with suppress(OSError):
                (self.folder / name).unlink()
            # One of that name that is seen later is another one, even if it has the same inode.
            self._files.pop(name, None)
            self._note_claim(name)

    def _make(self, claim: Path) -> bool:
        """Make a file that is not there, whole at once; False if it is there."""
        for _ in range(2):
            try:
                os.link(self._identity, claim)
            except FileExistsError:
                return False
            except FileNotFoundError:  # the folder was taken away
                self._introduce()
            except OSError:  # no links here: exclusive creation, whose content comes a moment later
                return self._make_exclusively(claim)
            else:
                return True
        return self._make_exclusively(claim)

    def _make_exclusively(self, claim: Path) -> bool:
        try:
            with claim.open("x", encoding="utf-8") as file:
                file.write(json.dumps(self._facts))
        except FileExistsError:
            return False
        return True

    def _is_dead(self, token: str) -> bool:
        """Whether another runner has died; asked once after a look."""
        dead = self._dead.get(token)
        if dead is None:
            path = f"{self._place}{token}{BEATS}"
            state = _state(path)
            facts = self._others.get(token) or read_facts(path)
            if facts:
                self._others[token] = facts
            dead = self._dead[token] = is_dead(facts) or self._is_silent(token, state)
        return dead

    def _is_silent(self, token: str, state: str) -> bool:
        """Whether a runner's file has been in the same state for the length of `expiry`, as far as this runner saw."""
        known, since = self._seen.get(token, (None, 0.0))
        if known != state:
            self._seen[token] = (state, self._clock())
            return False
        return self._clock() - since > self._expiry

    @property
    def _identity(self) -> Path:
        return self.folder / f"{self.token}{IDENTITY}"

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


def _state(path: str) -> str:
    """What tells a file from the one that was there before; empty where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - thousands of them
    except OSError:
        return ""
    return f"{found.st_ino} {found.st_mtime_ns} {found.st_size}"
