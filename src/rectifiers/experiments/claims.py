"""Claims: how runners that share a results folder, on one machine or on several, divide its trials.

A claim is a file that exists or does not, made by an operation that is atomic on network file systems too. Its name is
the trial's id and a number, 0 at first. A claim of a runner that died is not taken away, which two others could do at
once: the next number is made, and only one runner can make it. The highest number holds, and its holder removes it
before the lower ones.

A runner's file names the trials that it holds, and claims that it made since are links to that file. Of a thousand
that others hold, a runner that looks for a free one so learns from one look at the folder and at the files of the
others, and reads no claims but those of a runner that died.

A runner beats: it writes its own file anew every few seconds. Others compare what they see there with what they saw
before, by their own steady clock, so that clocks that differ or jump do no harm.
"""

from __future__ import annotations

import json
import math
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from typing_extensions import Self

from ..core.errors import StoreError
from ..core.reading import read_regular
from .trial import Trial

FOLDER = ".claims"
BEAT = 5.0
"""Seconds between two beats."""
EXPIRY = 90.0
"""Seconds without a beat after which a runner counts as dead; network file systems may show one a minute late."""
TRUST = 3600.0
"""Seconds after which it is looked again who made a claim: where one trial is tried again, another runner may have."""


@dataclass(frozen=True)
class Runner:
    """What the file of a runner says.

    Args:
        host: name of its machine.
        pid: of its process.
        running: what its workers do, in words, by the id of the trial.
        dead: whether its process is known to have ended; one of another machine never is.
    """

    host: str
    pid: int
    running: Mapping[str, str]
    dead: bool


class Beat(NamedTuple):
    """What a runner saw of another one.

    Args:
        state: of its file; it changes as long as it lives.
        ended: whether its process has ended, as far as this machine can tell.
    """

    state: str
    ended: bool


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
        runners: how many there were at the last look, with this one.
        files: how many there were, which the next look reads.
    """

    def __init__(
        self, folder: Path, *, beat: float = BEAT, expiry: float = EXPIRY, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.folder = folder / FOLDER
        self._place = f"{self.folder}/"
        self.token = uuid.uuid4().hex
        self.running: Mapping[str, str] = {}
        self._beat, self._expiry, self._clock = beat, expiry, clock
        self._facts = {"token": self.token, "host": socket.gethostname(), "pid": os.getpid(), "process": _process()}
        self._beats = 0
        self._mine: dict[str, int] = {}
        self._names: set[str] = set()
        """Of the files at the last look."""
        self._numbers: dict[str, set[int]] = {}
        """Those of the claims on each trial, at the last look."""
        self._held: dict[str, int] = {}
        """The highest of them, where another runner made it and is not known to be dead."""
        self._orphans: set[str] = set()
        self._wills: dict[str, set[str]] = {}
        """The trials that runners held which have died."""
        self._beats_seen: dict[str, Beat | None] = {}
        """Of other runners, since the last look."""
        self._tokens: dict[str, tuple[str, str | None, float]] = {}
        self._others: dict[str, Mapping[str, Any]] = {}
        self.runners, self.files = 1, 0
        self._seen: dict[str, tuple[str, float]] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep_beating, name="claims", daemon=True)

    def __enter__(self) -> Self:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._write()
        except OSError as error:
            raise StoreError(f"cannot write {self.folder}: {error.strerror}; give another results folder") from None
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        for trial_id in list(self._mine):
            self._release(trial_id)
        with suppress(OSError):
            self._file(self.token).unlink()
        with suppress(OSError):  # others are at work
            self.folder.rmdir()

    def look(self) -> None:
        """See which trials are claimed now, and by how many runners."""
        try:
            names = set(os.listdir(self.folder))  # noqa: PTH208 - names alone, without an object for each
        except OSError:
            names = set()
        changed = names ^ self._names
        self._names, self.files = names, len(names)
        self._beats_seen.clear()
        if any(name.endswith(".runner") for name in changed):
            self.runners = max(1, sum(name.endswith(".runner") for name in names))
        for name in changed:
            trial_id, _, ending = name.rpartition(".")
            if not ending.isdecimal():
                continue
            numbers = self._numbers.setdefault(trial_id, set())
            if name in names:
                numbers.add(int(ending))
            else:
                numbers.discard(int(ending))
                self._tokens.pop(name, None)
            self._held.pop(trial_id, None)
            if not numbers:
                del self._numbers[trial_id]
            elif trial_id not in self._mine:
                self._held[trial_id] = max(numbers)

    def find_orphans(self) -> None:
        """Look, and see which trials runners held that have died, which is what `is_free` knows if not thorough."""
        self.look()
        self._orphans = set()
        for name in self._names:
            token, _, ending = name.rpartition(".")
            if ending != "runner" or token == self.token:
                continue
            if not self._is_dead(name, token):
                self._wills.pop(token, None)
            else:
                if token not in self._wills:
                    self._wills[token] = self._read_will(name)
                self._orphans |= self._wills[token]

    def _read_will(self, name: str) -> set[str]:
        """The trials that a dead runner held: those that its file names, and those whose claims are links to it."""
        holds = _read(self._place + name).get("holds")
        found = {one for one in holds if isinstance(one, str)} if isinstance(holds, list) else set()
        with suppress(OSError), os.scandir(self.folder) as entries:
            inode = os.stat(self._place + name).st_ino  # noqa: PTH116 - as for other names
            found |= {entry.name.rpartition(".")[0] for entry in entries if entry.inode() == inode}
        return found

    def is_held(self, trial: Trial) -> bool:
        """Whether another runner held it at the last look, and is not known to be dead."""
        return trial.id in self._held

    def is_free(self, trial: Trial, *, thorough: bool = True) -> bool:
        """Whether no runner that lives held it at the last look; one that is free counts as held no more.

        Args:
            trial: that is asked for.
            thorough: read whose claim it is, also where no runner is known to have died at it.
        """
        number = self._held.get(trial.id)
        if number is not None and not ((thorough or trial.id in self._orphans) and self._is_expired(trial.id, number)):
            return False
        self._held.pop(trial.id, None)
        return True

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
            highest = max(self._numbers.get(trial.id, ()), default=None)
            if highest is None or not self._is_expired(trial.id, highest):
                return False
            number = highest + 1
            if not self._try(trial, number):
                return False
        self._mine[trial.id] = number
        self._held.pop(trial.id, None)
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
            self._held[trial_id] = max(self._numbers.get(trial_id, ()), default=number + 1)
            return
        for lower in range(number, -1, -1):
            with suppress(OSError):
                (self.folder / f"{trial_id}.{lower}").unlink()

    def _make(self, claim: Path) -> bool:
        """Make a file that is not there, whole at once; False if it is there."""
        for _ in range(2):
            try:
                os.link(self._file(self.token), claim)
            except FileExistsError:
                return False
            except FileNotFoundError:  # the folder was taken away
                self.folder.mkdir(parents=True, exist_ok=True)
                self._write()
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

    def _is_expired(self, trial_id: str, number: int) -> bool:
        """Whether the runner that made a claim has died; what runners' files say is asked once after a look."""
        name = f"{trial_id}.{number}"
        _, known, read = self._tokens.get(name, ("", None, -math.inf))
        # While the runner lives that was seen to make it, nobody asks whether the file is still the same.
        if known not in (None, self.token) and self._clock() - read < TRUST and not self._is_dead(name, known):
            return False
        token = self._token_of(name)
        if token == self.token:
            return False
        if token is None:  # half written, or damaged
            return self._is_silent(name, "")
        return self._is_dead(name, token)

    def _is_dead(self, name: str, token: str) -> bool:
        """Whether a runner that made a claim of this name has died."""
        if token not in self._beats_seen:
            self._beats_seen[token] = self._feel(token)
        beat = self._beats_seen[token]
        if beat is None:  # it ended, and this claim was left behind
            return self._is_silent(name, token) if _state(self._place + name) else True
        return beat.ended or self._is_silent(token, beat.state)

    def _token_of(self, name: str) -> str | None:
        """Of the runner that made a claim; a file is read again only if it is another one."""
        state = _state(self._place + name)
        known, token, _ = self._tokens.get(name, ("", None, 0.0))
        if state != known or token is None:
            found = _read(self._place + name).get("token")
            token = found if isinstance(found, str) else None
        self._tokens[name] = state, token, self._clock()
        return token

    def _feel(self, token: str) -> Beat | None:
        """The beat of another runner; None if its file is gone, or damaged."""
        path = f"{self._place}{token}.runner"
        state = _state(path)
        facts = self._others.get(token) or _read(path)
        if not (state and facts):
            return None
        self._others[token] = facts
        return Beat(state, _has_ended(facts))

    def _is_silent(self, what: str, state: str) -> bool:
        """Whether `what` has been in the same state for the length of `expiry`, as far as this runner saw."""
        known, since = self._seen.get(what, (None, 0.0))
        if known != state:
            self._seen[what] = (state, self._clock())
            return False
        return self._clock() - since > self._expiry

    def _file(self, token: str) -> Path:
        return runner_file(self.folder.parent, token)

    def _write(self) -> None:
        self._beats += 1
        path = self._file(self.token)
        # A list of a dictionary is made at once, whatever other threads do with it.
        facts = {**self._facts, "beat": self._beats, "running": dict(self.running), "holds": list(self._mine)}
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


def runner_file(folder: Path, token: str) -> Path:
    """Where a runner beats.

    Args:
        folder: of the runs.
        token: of the runner.
    """
    return folder / FOLDER / f"{token}.runner"


def list_runners(folder: Path) -> list[Runner]:
    """The runners that are at work on the runs in a folder, and those that died there.

    Example:
        >>> list_runners(Path("nowhere"))
        []
    """
    found = []
    for path in sorted((folder / FOLDER).glob("*.runner")):
        facts = _read(path)
        running = facts.get("running")
        if isinstance(facts.get("host"), str) and isinstance(facts.get("pid"), int):
            words = {str(name): str(text) for name, text in running.items()} if isinstance(running, dict) else {}
            found.append(Runner(facts["host"], facts["pid"], words, _has_ended(facts)))
    return found


def clear_dead(folder: Path) -> int:
    """Remove what runners left behind whose processes have ended on this machine; how many there were."""
    dead = [path for path in (folder / FOLDER).glob("*.runner") if _has_ended(_read(path))]
    for path in dead:
        with suppress(OSError):
            path.unlink()
    return len(dead)


def _read(path: Path | str) -> dict[str, Any]:
    """What a file of ours says; nothing where there is none, or a damaged one."""
    try:
        found = json.loads(read_regular(path))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _state(path: str) -> str:
    """What tells a file from the one that was there before; empty where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - thousands of them
    except OSError:
        return ""
    return f"{found.st_ino} {found.st_mtime_ns} {found.st_size}"


def _has_ended(facts: Mapping[str, Any]) -> bool:
    """Whether a runner's process has ended, as far as this machine can tell."""
    process, pid = facts.get("process"), facts.get("pid")
    if not isinstance(process, str) or not isinstance(pid, int) or pid < 1:
        return False
    ours = _machine()
    if not ours or process.rpartition(" ")[0] != ours:
        return False
    return process != f"{ours} {_started(pid)}"


def _process() -> str:
    """This process among all of all machines; empty where the system does not tell."""
    machine = _machine()
    return f"{machine} {_started(os.getpid())}" if machine else ""


@cache
def _machine() -> str:
    """This start of this machine, and the space in which its process ids count."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 - not a path
    except OSError:
        return ""


def _started(pid: int) -> str:
    """When a process started, so that another one with its number is not taken for it; empty if there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return ""
    # A process that has ended and was not yet collected is none.
    return "" if fields[0] in (b"Z", b"X") else fields[19].decode()
