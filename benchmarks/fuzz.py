"""Feed damaged files to every reader: each has to give an answer or a named error, soon, within the memory it deserves.

    python benchmarks/fuzz.py --inputs 100000 --output benchmarks/results/fuzz.json --write

Every input follows from its reader's name and its number, so that a fault is made again by
`--only READER --first NUMBER --inputs 1`. Readers run in processes of their own, so that
a crash or a hang does not end the rest. A run that was ended goes on where its `--output` stands;
`--write` puts the table of that file into docs/security.md.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import io
import json
import math
import multiprocessing
import os
import platform
import random
import resource
import signal
import sys
import tarfile
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import rectifiers
from rectifiers.core.errors import RectifiersError
from rectifiers.core.files import write_file
from rectifiers.core.reading import allowance, parse_json

PAGE = Path(__file__).resolve().parents[1] / "docs" / "security.md"
SECONDS = 10
"""Of the processor's time, after which a reader hangs; that of the clock tells little on a busy machine."""
WAIT = 600
"""Seconds of the clock, after which a reader waits for what never comes."""
SLACK = 128 * 2**20
"""Bytes that Python and PyTorch may keep besides what a file deserves."""
PORTION = 50_000
"""Inputs of one process."""
MEMORY = Path("/dev/shm")
"""A folder in memory, where there is one: to write each input to a disk takes longer than to read it."""

Read = Callable[[bytes, Path], object]


@dataclass(frozen=True)
class Reader:
    """What reads files of one kind.

    Args:
        seeds: makes small right files.
        read: reads one, given a folder to write to; an answer or a `RectifiersError` is right, all else a fault.
        words: what mutations put in, besides bytes.
    """

    seeds: Callable[[], list[bytes]]
    read: Read
    words: tuple[bytes, ...] = ()


class HangError(BaseException):
    """It took too long."""


# Mutations.

_NUMBERS = tuple(
    number.to_bytes(size, order, signed=number < 0)
    for size in (1, 2, 4, 8)
    for number in (0, 1, -1, 2 ** (8 * size - 1) - 1, -(2 ** (8 * size - 1)))
    for order in ("little", "big")
)
_TEXT = (
    *(b"-1", b"0", b"1e999", b"NaN", b"null", b"true", b"nobody", b'""', b"[]", b"{}"),
    *(b"[" * 2000, b'{"a":' * 2000, b"9" * 5000, b"\0", b"\xff", b"\x1b[31m", b"../", b"\n"),
    *(b'"', b"[", b"]", b"{", b"}", b",", b":", b"="),
)


def mutate(content: bytes, others: list[bytes], words: tuple[bytes, ...], draw: random.Random) -> bytes:
    """Damage a file in one to eight places."""
    damaged = bytearray(content)
    for _ in range(draw.choice((1, 1, 1, 2, 3, 8))):
        at = draw.randrange(len(damaged) + 1)
        end = min(len(damaged), at + draw.choice((1, 1, 2, 4, 8, 64, 512)))
        match draw.randrange(9):
            case 0 if damaged:
                damaged[at % len(damaged)] ^= 1 << draw.randrange(8)
            case 1 if damaged:
                damaged[at % len(damaged)] = draw.randrange(256)
            case 2:
                number = draw.choice(_NUMBERS)
                damaged[at : at + len(number)] = number
            case 3:
                del damaged[at:end]
            case 4:
                damaged[at:at] = damaged[at:end] * draw.choice((1, 2, 50))
            case 5:
                del damaged[at:]
            case 6:
                damaged[at : draw.choice((at, end))] = draw.choice(words or _NUMBERS)
            case 7:
                other = draw.choice(others)
                start = draw.randrange(len(other) + 1)
                damaged[at:end] = other[start : start + draw.choice((4, 64, 1024))]
            case _:
                damaged[at:end] = draw.randbytes(end - at)
    return bytes(damaged[: 1 << 20])


def make_input(name: str, number: int) -> bytes:
    """The input of that number for a reader."""
    seeds = _seeds(name)
    draw = random.Random(f"{name} {number}")
    return mutate(draw.choice(seeds), seeds, READERS[name].words, draw)


@cache
def _seeds(name: str) -> list[bytes]:
    return READERS[name].seeds()


# What is read.


def _idx(content: bytes, folder: Path) -> object:
    from rectifiers.datasets import idx

    return idx.decode(content, "file", 3)


def _cifar(content: bytes, folder: Path) -> object:
    from rectifiers.datasets import cifar

    return cifar.decode(content, "file", 1, 10)


def _mat(content: bytes, folder: Path) -> object:
    from rectifiers.datasets import mat

    return mat.decode(content, "file")


def _mat_seeds() -> list[bytes]:
    from scipy.io import savemat

    rng = np.random.default_rng(0)
    arrays = {"X": rng.integers(256, size=(4, 4, 3, 5), dtype=np.uint8), "y": np.arange(5, dtype=np.uint8)[:, None]}
    seeds = []
    for compressed in (False, True):
        buffer = io.BytesIO()
        savemat(buffer, {**arrays, "z": np.eye(2)}, do_compression=compressed)
        seeds.append(buffer.getvalue())
    return seeds


def _npz(content: bytes, folder: Path) -> object:
    from rectifiers.datasets.npz import Npz

    (folder / "file.npz").write_bytes(content)
    return Npz(str(folder / "file.npz")).load(folder)


def _npz_seeds() -> list[bytes]:
    images, labels = np.zeros((4, 3, 3), np.uint8), np.array([0, 1, 0, 1])
    arrays = {"x_train": images, "y_train": labels, "x_test": images / 1.0, "y_test": labels}
    seeds = []
    for save in (np.savez, np.savez_compressed):
        buffer = io.BytesIO()
        save(buffer, **arrays)
        seeds.append(buffer.getvalue())
    return seeds


def _archive(content: bytes, folder: Path) -> object:
    from rectifiers.datasets.tree import Archive

    tree = Archive(folder / "file", content)
    return [tree.read(name) for inside in ("", *tree.folders()) for name in tree.files(inside)]


_FILES = {"top/a/1.txt": b"one", "top/a/2.txt": b"two" * 300, "top/b/3.txt": b""}


def _zip_seeds() -> list[bytes]:
    seeds = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", method) as archive:
            for name, content in _FILES.items():
                archive.writestr(zipfile.ZipInfo(name), content, method)
        seeds.append(buffer.getvalue())
    return seeds


def _tar_seeds() -> list[bytes]:
    seeds = []
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
            for name, content in {**_FILES, "top/" + "long" * 40: b"x"}.items():
                if form == tarfile.USTAR_FORMAT and len(name) > 99:
                    continue
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        seeds.append(buffer.getvalue())
    return seeds


def _packed_tar_seeds() -> list[bytes]:
    import bz2
    import lzma

    return [
        pack(seed)
        for seed in _tar_seeds()[1:]
        for pack in (lambda c: gzip.compress(c, mtime=0), bz2.compress, lzma.compress)
    ]


def _gzip(content: bytes, folder: Path) -> object:
    from rectifiers.datasets.files import Resource

    (folder / "file.gz").write_bytes(content)
    return Resource("file.gz", "0", (), unpacked_hash=hashlib.md5(b"content" * 99).hexdigest()).read(folder / "file.gz")


def _picture(content: bytes, folder: Path) -> object:
    from rectifiers.datasets.picture import decode
    from rectifiers.datasets.tree import Directory

    (folder / "file.png").write_bytes(content)
    return decode(Directory(folder), "file.png")


def _picture_seeds(kind: str, **options: object) -> list[bytes]:
    from PIL import Image

    noise = np.random.default_rng(0).integers(256, size=(12, 10, 3), dtype=np.uint8)
    pictures = [Image.fromarray(noise), Image.fromarray(noise).convert("L")]
    pictures += [Image.fromarray(noise).convert("P")] if kind in ("PNG", "GIF", "TIFF", "BMP") else []
    seeds = []
    for picture in pictures:
        buffer = io.BytesIO()
        picture.save(buffer, kind, **options)
        seeds.append(buffer.getvalue())
    return seeds


def _tiff_seeds() -> list[bytes]:
    return [
        seed
        for how in (None, "tiff_lzw", "tiff_deflate", "packbits")
        for seed in _picture_seeds("TIFF", compression=how)
    ]


def _csv(content: bytes, folder: Path) -> object:
    from rectifiers.datasets.text_rows import load_rows

    return load_rows("texts", ("no", "yes"), ("train.csv", content), ("test.csv", b'"1","a"\n"2","b"\n'))


def _csv_seeds() -> list[bytes]:
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerows([[1, "A title", 'Say "yes"\\nor no'], [2, "b", "two\nlines"]])
    return [buffer.getvalue().encode()]


def _toml(content: bytes, folder: Path) -> object:
    from rectifiers.experiments.file import load_experiment

    (folder / "file.toml").write_bytes(content)
    return load_experiment(folder / "file.toml")


_TOML = b"""name = "small"
title = "A small one"
rows = ["arelu", {label = "relu", activation = "relu", activation_args = {}}, {label = "p", activation = "pvlu"}]
columns = [{label = "slow", lr = 0.01}, {label = "fast", lr = 0.1, milestones = [1, 2]}]
settings = { dataset = "digits", network = "digits-conv", lr = 0.01, epochs = 3, augment = ["crop:1"] }
seeds = 3
metric = "final_epoch"
baseline = "relu"
margin = 0.5
"""
_SETTINGS = (
    b'activation_args={"alpha": 0.5}',
    b'network_args={"width": 4}',
    b"milestones=[1, 2]",
    b"epochs=3",
    b"where=stage:1",
    b'start={"epochs": 1}',
    b"dataset=npz:file.npz",
    b"device=cuda:1",
)


def _settings(content: bytes, folder: Path) -> object:
    from rectifiers.lab.selecting import select

    key, _, text = content.decode(errors="surrogateescape").partition("=")
    value: Any = text
    with suppress(ValueError):
        value = parse_json(text)
    return select("quickstart", preset="smoke", seeds=1, settings={key: value}, results=folder).trials


@cache
def _result() -> Any:
    from rectifiers.experiments.result import Epoch, Result, Shape, Trajectory
    from rectifiers.experiments.trial import Trial

    trial = Trial(dataset="digits", network="digits-conv", activation="arelu", lr=0.01, activation_args={"alpha": 0.5})
    numbers = {name: 1.0 for name, one in Epoch.model_fields.items() if one.is_required()}
    curve = Shape(layer="conv1", **{name: [0.0, 1.0] for name in ("x", "before", "after", "after_low", "after_high")})
    return Result(
        trial=trial,
        status="done",
        epochs=[Epoch(**numbers)],
        parameters=100,
        activation_parameters=2,
        shapes=[curve],
        trace=Trajectory(steps=[1], values={"a": [0.5]}),
        provenance={"versions": {"torch": "2"}},
    )


def _use(result: Any) -> None:
    from rectifiers.experiments.result import METRICS

    if result is not None:
        for metric in METRICS:
            result.value(metric)


def _read_result(content: bytes, folder: Path) -> object:
    from rectifiers.experiments.store import Store

    store = Store(folder / "runs", "made")
    path = store.path(_result().trial)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return _use(store.read(_result().trial))


def _jsonl(content: bytes, folder: Path) -> object:
    from rectifiers.experiments import archive

    for result in archive.read_jsonl(folder / "results.jsonl", content).values():
        _use(result)
    return None


def _store(content: bytes, folder: Path) -> object:
    from rectifiers.experiments.counting import CARD
    from rectifiers.experiments.store import Store

    (folder / "cards" / "made").mkdir(parents=True, exist_ok=True)
    (folder / "cards" / "made" / CARD).write_bytes(content)
    return Store(folder / "cards", "made")


def _sections(content: bytes, folder: Path) -> object:
    from rectifiers.report.analyses.section import read_sections

    (folder / "file.analysis.json").write_bytes(content)
    return read_sections(folder / "file.analysis.json", ["one"])


def _section_seeds() -> list[bytes]:
    from rectifiers.report.analyses.section import Grid, Section, SeedMean, to_dict

    grid = Grid(("layer", "A"), (("conv1", SeedMean(3, 0.5, 0.25, 0.75)), ("conv2", 4)))
    sections = [Section("A look", "What is measured.", "What came out.", (grid,), (), ({"layer": "conv1"},))]
    return [json.dumps(to_dict(sections, ["one"])).encode()]


def _net() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Conv2d(2, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32, 2))


def _plan(content: bytes, folder: Path) -> object:
    from rectifiers.surgery.plan import SwapPlan

    net = _model()
    before = _bits(net)
    try:
        SwapPlan.from_json(content.decode(errors="replace")).apply(net).revert()
    finally:
        if _bits(net) != before:
            _model.cache_clear()
            raise AssertionError("the model is not as it was")
    return None


@cache
def _model() -> nn.Module:
    return _net()


def _bits(net: nn.Module) -> object:
    state = {name: value.numpy().tobytes() for name, value in net.state_dict().items()}
    # The list of swaps, which is empty before and after, is made by the first.
    held = [
        (name, type(module), sorted(vars(module).keys() - {"_rectifiers_plans"}))
        for name, module in net.named_modules()
    ]
    return held, state


@cache
def _plans() -> list[bytes]:
    torch.manual_seed(0)
    return [
        rectifiers.plan_swap(_net(), to, example=(1, 1, 8, 8)).to_json().encode()
        for to in ("pvlu", "crelu", "convrelu", "apl")
    ]


def _saved(content: bytes, folder: Path) -> object:
    home = folder / "saved"
    if not home.exists():
        _saved_seeds(home)
    (home / "plan.json").write_bytes(content)
    return rectifiers.load(home, _net())


def _saved_seeds(home: Path | None = None) -> list[bytes]:
    with tempfile.TemporaryDirectory() as scratch:
        torch.manual_seed(0)
        net = _net()
        rectifiers.swap(net, "pvlu", example=(1, 1, 8, 8))
        rectifiers.save(net, home or Path(scratch))
        # The name of the weights is random.
        folder = home or Path(scratch)
        (weights,) = folder.glob("weights-*")
        weights.rename(folder / "weights-0.safetensors")
        return [(folder / "plan.json").read_bytes().replace(weights.name.encode(), b"weights-0.safetensors")]


def _weights(content: bytes, folder: Path, suffix: str = ".safetensors") -> object:
    from rectifiers.surgery.weights_file import read_weights

    (folder / f"file{suffix}").write_bytes(content)
    return read_weights(folder / f"file{suffix}")


def _weights_seeds() -> list[bytes]:
    import safetensors.torch

    tensors = {"a.weight": torch.ones(2, 3), "a.bias": torch.zeros(3, dtype=torch.float16)}
    return [safetensors.torch.save(tensors, metadata={"result": "{}"})]


def _pickle(content: bytes, folder: Path) -> object:
    from rectifiers.surgery.weights_file import unpickle_tensors

    return unpickle_tensors(io.BytesIO(content), "file.pth")


def _pickle_seeds() -> list[bytes]:
    seeds = []
    for zipped in (True, False):
        buffer = io.BytesIO()
        torch.save({"a.weight": torch.ones(2, 3)}, buffer, _use_new_zipfile_serialization=zipped)
        seeds.append(buffer.getvalue())
    return seeds


READERS = {
    "IDX": Reader(lambda: [bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3]) + bytes(range(12))], _idx),
    "CIFAR binary": Reader(lambda: [bytes([7, *range(256)] + [0] * 2816) * 2], _cifar),
    "MAT": Reader(_mat_seeds, _mat),
    "NPZ": Reader(_npz_seeds, _npz, (b"|O", b"(9999999999,)", b"'<f8'", b"True", b"-1", b"(" * 400)),
    "zip": Reader(_zip_seeds, _archive, (b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06", b"../")),
    "tar": Reader(_tar_seeds, _archive, (b"ustar", b"GNU.sparse.size=99999999999\n", b"0000777\0", b"L", b"x", b"S")),
    "tar.gz, .bz2, .xz": Reader(_packed_tar_seeds, _archive),
    "gzip": Reader(lambda: [gzip.compress(b"content" * 99, mtime=0)], _gzip),
    "PNG": Reader(lambda: _picture_seeds("PNG"), _picture, (b"IHDR", b"IDAT", b"PLTE", b"tRNS", b"acTL", b"eXIf")),
    "JPEG": Reader(lambda: _picture_seeds("JPEG"), _picture, (b"\xff\xc0", b"\xff\xc2", b"\xff\xda", b"\xff\xe1Exif")),
    "TIFF": Reader(_tiff_seeds, _picture, (b"\x00\x01\x03\x00", b"\x01\x01\x04\x00", b"\x42\x01\x04\x00")),
    "GIF": Reader(lambda: _picture_seeds("GIF"), _picture),
    "BMP": Reader(lambda: _picture_seeds("BMP"), _picture),
    "WebP": Reader(lambda: _picture_seeds("WEBP"), _picture),
    "PPM": Reader(lambda: _picture_seeds("PPM"), _picture, _TEXT),
    "CSV": Reader(_csv_seeds, _csv, _TEXT),
    "safetensors": Reader(_weights_seeds, _weights, _TEXT),
    "PyTorch weights": Reader(
        _pickle_seeds, _pickle, (b"cos\nsystem\n", b"c__builtin__\neval\n", b"R", b"b", b"\x80\x02")
    ),
    "store.json": Reader(lambda: [b'{"runs": "made", "format": 1}\n'], _store, _TEXT),
    "result.json": Reader(lambda: [_result().model_dump_json().encode()], _read_result, _TEXT),
    "results.jsonl": Reader(lambda: [_result().model_dump_json(exclude={"shapes", "trace"}).encode()], _jsonl, _TEXT),
    "analysis.json": Reader(_section_seeds, _sections, _TEXT),
    "swap plan": Reader(_plans, _plan, _TEXT),
    "saved model": Reader(_saved_seeds, _saved, _TEXT),
    "TOML": Reader(lambda: [_TOML], _toml, _TEXT),
    "settings": Reader(lambda: list(_SETTINGS), _settings, _TEXT),
}
"""By the kind of file."""


# Runs.


@dataclass
class Outcome:
    """What came of inputs.

    Args:
        inputs: how many.
        answers: how many were read.
        errors: how many were refused by a named error.
        faults: number of an input, and what came instead.
        seconds: how long they took together, of the processor's time.
        megabytes: how much they took at once, at most, beyond what the reader had before.
    """

    inputs: int = 0
    answers: int = 0
    errors: int = 0
    faults: dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0
    megabytes: float = 0.0

    def add(self, other: Outcome) -> None:
        """Add those of other inputs."""
        self.inputs += other.inputs
        self.answers += other.answers
        self.errors += other.errors
        self.faults |= other.faults
        self.seconds += other.seconds
        self.megabytes = max(self.megabytes, other.megabytes)


def run_here(name: str, numbers: Iterable[int], tell: Callable[[Outcome], object] = lambda outcome: None) -> Outcome:
    """Read inputs of those numbers in this process, and tell before each what came of those before it."""
    outcome = Outcome()
    reader = READERS[name]
    signal.signal(signal.SIGPROF, _stop)
    begin = time.process_time()
    with tempfile.TemporaryDirectory(dir=_scratch()) as scratch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in _seeds(name):
            with suppress(RectifiersError):
                reader.read(seed, Path(scratch))
        empty = peak = _peak()
        for number in numbers:
            tell(outcome)
            content = make_input(name, number)
            # Without a handler, the second one ends the process wherever it waits.
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            signal.setitimer(signal.ITIMER_REAL, WAIT)
            try:
                reader.read(content, Path(scratch))
                outcome.answers += 1
            except RectifiersError:
                outcome.errors += 1
            except HangError:
                outcome.faults[number] = f"took more than {SECONDS} s"
            except BaseException as error:
                outcome.faults[number] = f"{type(error).__name__}: {error}"[:200]
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
                signal.setitimer(signal.ITIMER_REAL, 0)
            outcome.inputs += 1
            before, peak = peak, _peak()
            if peak > before:
                outcome.megabytes = (peak - empty) / 1e6
                if peak - empty > allowance(len(content)) + SLACK:
                    outcome.faults[number] = f"{len(content):,} bytes took {outcome.megabytes:,.0f} MB"
            outcome.seconds = time.process_time() - begin
    return outcome


def _scratch() -> Path | None:
    return MEMORY if os.access(MEMORY, os.W_OK) else None


def _stop(signal_number: int, frame: object) -> None:
    raise HangError


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def run(name: str, first: int, count: int, seconds: float = math.inf) -> Outcome:
    """Read inputs in processes of their own; one that crashes is a fault, and the others go on after it.

    Args:
        name: of the reader.
        first: number of the first input.
        count: how many.
        seconds: of the processor's time, after which no more are begun.
    """
    outcome = Outcome()
    while outcome.inputs < count and outcome.seconds < seconds:
        begin = first + outcome.inputs
        end = min(first + count, begin + PORTION)
        with tempfile.NamedTemporaryFile() as told:
            # Forked, for what readers need takes seconds to import.
            arguments = (name, begin, end, seconds - outcome.seconds, told.name)
            process = multiprocessing.get_context("fork").Process(target=_run_portion, args=arguments)
            process.start()
            process.join()
            lines = Path(told.name).read_text(encoding="utf-8").splitlines(keepends=True)
        so_far = _load(json.loads(next((line for line in reversed(lines) if line.endswith("\n")), "{}")))
        if process.exitcode:
            so_far.faults[begin + so_far.inputs] = f"ended with {process.exitcode}"
            so_far.inputs += 1
        outcome.add(so_far)
    return outcome


def _load(document: dict[str, Any]) -> Outcome:
    faults = {int(number): fault for number, fault in document.get("faults", {}).items()}
    return Outcome(**{**document, "faults": faults})


def _run_portion(name: str, begin: int, end: int, seconds: float, told: str) -> None:
    """Read inputs, and tell to a file at each what came of those before it, and at last of all."""
    start = time.process_time()
    with Path(told).open("w", encoding="utf-8", buffering=1) as file:

        def tell(outcome: Outcome) -> None:
            file.write(json.dumps(vars(outcome)) + "\n")

        def numbers() -> Iterator[int]:
            for number in range(begin, end):
                if time.process_time() - start > seconds:
                    return
                yield number

        tell(run_here(name, numbers(), tell))


def to_markdown(outcomes: dict[str, Outcome]) -> str:
    """The table of the documentation."""
    lines = [
        "| File | Inputs | Answers | Named errors | Faults | Most memory | Time |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {name} | {one.inputs:,} | {one.answers:,} | {one.errors:,} | {len(one.faults)} | {one.megabytes:,.0f} MB "
        f"| {one.seconds:,.0f} s |"
        for name, one in outcomes.items()
    ]
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Run all readers, or some, and print the table; the exit code is 1 if there was a fault."""
    parser = argparse.ArgumentParser(description="Feed damaged files to every reader.")
    parser.add_argument("--inputs", type=int, default=1000, help="inputs of each reader")
    parser.add_argument("--first", type=int, default=0, help="number of the first; without --output")
    parser.add_argument("--seconds", type=float, default=math.inf, help="after which a reader gets no more inputs")
    parser.add_argument("--only", action="append", choices=READERS, help="a reader; all by default")
    parser.add_argument("--output", type=Path, help="JSON file of the counts, which are added to")
    parser.add_argument("--write", action="store_true", help="write the table of that file to docs/security.md")
    chosen = parser.parse_args(arguments)
    if (chosen.output and chosen.first) or (chosen.write and not chosen.output):
        parser.error("--first goes without --output, and --write with it")
    outcomes = _read(chosen.output)
    # Each reader gets some before one gets all, for who ends it soon.
    for _ in range(0, chosen.inputs, PORTION):
        for name in chosen.only or READERS:
            known = outcomes.setdefault(name, Outcome())
            more = run(
                name,
                chosen.first + known.inputs,
                min(PORTION, chosen.inputs - known.inputs),
                chosen.seconds - known.seconds,
            )
            for number, fault in more.faults.items():
                print(f"{name}, input {number}: {fault}", file=sys.stderr)
            known.add(more)
            if more.inputs:
                print(to_markdown({name: known}).splitlines()[-1], flush=True)
                _keep(outcomes, chosen.output)
    if chosen.write:
        begin, end = "<!-- table:begin -->\n", "<!-- table:end -->"
        head, _, rest = PAGE.read_text(encoding="utf-8").partition(begin)
        PAGE.write_text(f"{head}{begin}\n{to_markdown(outcomes)}\n{end}{rest.partition(end)[2]}", encoding="utf-8")
    return int(any(one.faults for one in outcomes.values()))


def _read(output: Path | None) -> dict[str, Outcome]:
    if output is None or not output.exists():
        return {}
    found = json.loads(output.read_text(encoding="utf-8"))["outcomes"]
    return {name: _load(found[name]) for name in READERS if name in found}


def _keep(outcomes: dict[str, Outcome], output: Path | None) -> None:
    if output is None:
        return
    facts = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "rectifiers": rectifiers.__version__,
    }
    document = {"facts": facts, "outcomes": {name: asdict(outcomes[name]) for name in READERS if name in outcomes}}
    write_file(output, json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
