"""The machinery of the surgery zoo, with small models of known health, and its page."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from benchmarks.zoo import families
from benchmarks.zoo.checks import EXACT, examine, out_of_memory
from benchmarks.zoo.entry import Entry, first_accepted, image_entry, select
from benchmarks.zoo.page import page
from benchmarks.zoo.result import Cost, Result, Zoo, read, write
from benchmarks.zoo.run import Limits, isolate, run
from rectifiers.surgery import check


def convolutions() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.ReLU(),
        nn.Conv2d(4, 4, 3),
        nn.GELU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.LeakyReLU(),
    )


def entry(make: Any = convolutions, name: str = "fake/net", **more: Any) -> Entry:
    return Entry(name, "fake", make, lambda _: torch.randn(2, 3, 8, 8), lambda _: torch.randn(2, 3, 12, 12), **more)


def failing(step: str, result: Result) -> str:
    assert step not in result.passed
    return result.failures[step]


def test_a_healthy_model_passes_every_step() -> None:
    result = examine(entry())
    assert result.failures == {}
    assert result.fine
    assert result.passed == ["build", "sites", "exact", "fold", "swap", "size", "save", "diagnose", "train", "revert"]
    assert result.sites == {"relu": 1, "gelu": 1, "leaky_relu": 1}
    assert result.exact == dict.fromkeys(EXACT, True)
    assert (result.example, result.size, result.folded) == ("2×3×8×8", "size", 1)
    assert result.near.keys() == {"gelu"}
    assert 0 < result.near["gelu"] < 0.01
    assert result.added > 0


def test_a_model_without_activations_has_nothing_to_change() -> None:
    result = examine(entry(lambda: nn.Conv2d(3, 4, 3)))
    assert result.fine
    assert result.passed == ["build", "sites"]
    only = examine(entry(lambda: OfParameters()))
    assert only.fine
    assert [*only.left] == ["it is called on a parameter, which is not a layer's output"]


class OfParameters(nn.Module):
    """Its only activation makes a parameter positive."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.scale = nn.Conv2d(3, 4, 3), nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x) * nn.functional.softplus(self.scale)
        return out


class Part(nn.Module):
    """Has one activation that the outputs depend on, and one that they do not, or not in training mode."""

    def __init__(self, *, replaced: bool = False) -> None:
        super().__init__()
        self.conv, self.act, self.other, self.replaced = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.ReLU(), replaced

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.conv(x))
        if self.replaced:
            return x.abs() if self.training else self.other(x)
        self.other(x)
        return x


def test_parameters_without_a_gradient_are_found() -> None:
    result = examine(entry(lambda: Part(replaced=True)))
    assert "2 of 4 new parameters have no gradient: other.alpha" in failing("train", result)
    assert "revert" in result.passed


def test_parameters_that_no_output_depends_on_need_no_gradient() -> None:
    result = examine(entry(Part))
    assert result.fine
    assert result.unread == 8
    assert "| all, 8 unread |" in page(Zoo({"fake/net": result}))


def test_steps_that_fail_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> nn.Module:
        raise ValueError("no such net\nand more")

    assert failing("build", examine(entry(broken))) == "ValueError: no such net (test_zoo.py)"
    assert "fails on the example" in failing("sites", examine(entry(lambda: nn.Linear(2, 2))))
    # Whatever is put in, the outputs seem to differ.
    monkeypatch.setattr(
        "benchmarks.zoo.checks.compare_outputs", lambda before, after: check.Check(identical=False, difference=0.5)
    )
    result = examine(entry(lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())))
    assert failing("swap", result) == "outputs on the example: differ by up to 0.5 of the largest output"
    assert result.passed == ["build", "sites", "exact", "fold"]


def test_what_generates_is_let() -> None:
    class Generator(nn.Sequential):
        calls = 0

        def generate(self, inputs: Tensor, max_new_tokens: int, do_sample: bool) -> Tensor:
            Generator.calls += 1
            return self(inputs)

    result = examine(entry(lambda: Generator(nn.Conv2d(3, 4, 3), nn.ReLU()), generate=True))
    assert result.failures == {}
    assert "generate" in result.passed
    assert Generator.calls == 2


def test_labels_reach_the_model_in_training_alone() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, images: Tensor, labels: Tensor | None = None) -> dict[str, Tensor]:
            assert (labels is None) is not self.training
            logits = torch.relu(self.conv(images)).mean((2, 3))
            return {"logits": logits} if labels is None else {"loss": nn.functional.cross_entropy(logits, labels)}

    result = examine(
        Entry(
            "fake/own",
            "fake",
            Own,
            lambda _: {"images": torch.randn(2, 3, 8, 8)},
            training=lambda _: {"images": torch.randn(2, 3, 8, 8), "labels": torch.tensor([0, 1])},
        )
    )
    assert result.failures == {}
    assert result.size == ""


def test_images_are_as_small_as_the_model_takes_them() -> None:
    class Picky(nn.Module):
        """Takes images from 64 pixels on; those of another size than 64 in evaluation mode only if asked to."""

        def __init__(self, fixed: bool) -> None:
            super().__init__()
            self.conv, self.fixed = nn.Conv2d(3, 4, 3), fixed

        def forward(self, x: Tensor) -> Tensor:
            if x.shape[-1] < 64 or (self.fixed and x.shape[-1] > 64):
                raise ValueError(f"got {x.shape[-1]}")
            return torch.relu(self.conv(x))

    for fixed, other in ((False, (2, 3, 96, 96)), (True, (3, 3, 64, 64))):
        made = image_entry("fake/picky", "fake", lambda fixed=fixed: Picky(fixed))
        model = made.make()
        assert made.example(model).shape == (2, 3, 64, 64)
        assert made.other is not None
        assert made.other(model).shape == other
    with pytest.raises(ValueError, match="got 8"):
        first_accepted(Picky(False), [(8, torch.zeros(1, 3, 8, 8))])


def test_names_are_selected_by_a_pattern() -> None:
    entries = [entry(name=name) for name in ("timm/dla34", "timm/vgg11", "monai/UNet")]
    assert [one.name for one in select(entries, "timm/d*")] == ["timm/dla34"]


LIMITS = Limits(memory=64.0, seconds=20.0, patience=3.0)


def finished(entry: Entry) -> Result:
    return Result(entry.name, entry.family, passed=["swap"], seconds=1.0)


def crashed(_: Entry) -> Result:
    os._exit(3)


def busy(_: Entry) -> Result:
    while True:
        pass


def asleep(_: Entry) -> Result:
    time.sleep(60)
    raise AssertionError


def large(entry: Entry) -> Result:
    return examine(Entry(entry.name, entry.family, lambda: nn.Linear(2**20, 2**20), lambda _: torch.zeros(1, 2**20)))


def test_each_model_has_a_process_whose_end_is_told() -> None:
    assert isolate(entry(), finished, LIMITS) == finished(entry())
    assert isolate(entry(), crashed, LIMITS).failures == {"run": "its process ended with code 3"}
    slow = isolate(entry(), busy, Limits(seconds=1, patience=30))
    assert slow.skipped == "it takes more than 1 s of processor time"
    late = isolate(entry(), asleep, Limits(seconds=0.5, patience=1))
    assert late.skipped == "its process was stopped, for lack of memory or of time"
    heavy = isolate(entry(), large, Limits(memory=3.0))
    assert heavy.skipped == "it takes more memory than a model may"
    assert not heavy.failures


def test_what_is_known_is_not_run_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, zoo = tmp_path / "zoo.json", Zoo()
    entries = [entry(name=f"fake/{name}") for name in "ab"]
    run(entries[:1], zoo, path, crashed, LIMITS)
    assert read(path).models["fake/a"].failures
    run(entries, zoo, path, finished, LIMITS)
    assert [bool(result.failures) for result in zoo.models.values()] == [True, False]
    run(entries, zoo, path, finished, LIMITS, again=lambda result: not result.fine)
    assert all(result.fine for result in read(path).models.values())
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["fake/a", "fake/b", "fake/a"]
    assert lines[0].endswith("run: its process ended with code 3")


def test_results_come_back_from_the_file(tmp_path: Path) -> None:
    result = Result("fake/a", "fake", sites={"relu": 2}, apart=0.0, passed=["swap"], near={"gelu": 0.01})
    zoo = Zoo(
        {"fake/a": result}, "a machine", {"torch": "2"}, ["monai"], {"memory": 5}, "2026-01-01", Cost({"plan": 1.0}, 2)
    )
    for known in (zoo, Zoo()):
        write(tmp_path / "zoo.json", known)
        assert read(tmp_path / "zoo.json") == known
    assert read(tmp_path / "none.json") == Zoo()
    zoo.models |= {name: Result(name, "fake") for name in ("other/x", "fake/b")}
    zoo.keep_only("fake", ["fake/b", "fake/c"])
    assert [*zoo.models] == ["other/x", "fake/b"]
    assert zoo.defined == {"fake": 2}


def test_the_page_says_how_many_are_to_come() -> None:
    zoo = Zoo({"fake/a": Result("fake/a", "fake", sites={"relu": 1}, passed=["swap"])}, defined={"fake": 3})
    assert "- 2 other models of these libraries have not been examined yet" in page(zoo)
    zoo.defined["fake"] = 1
    assert "examined yet" not in page(zoo)


def test_errors_of_memory_are_known() -> None:
    assert out_of_memory("RuntimeError: [enforce fail] DefaultCPUAllocator: can't allocate memory: you tried …")
    assert not out_of_memory("RuntimeError: memory format option is only supported by strided tensors")


def test_the_page_tells_everything() -> None:
    good = examine(entry(name="fake/good"))
    bad = Result(
        "fake/bad", "fake", sites={"relu": 1}, passed=["swap"], failures={"train": "no | gradient"}, size="size"
    )
    skipped = Result("other/big", "other", skipped="it takes more memory than a model may")
    empty = Result("other/none", "other", passed=["build", "sites"])
    cost = Cost({"plan": 1.0, "apply": 0.5, "forward": 0.25}, 3.0)
    zoo = Zoo(
        {result.model: result for result in (good, bad, skipped, empty)},
        "a machine",
        {"torch": "2.0"},
        ["monai"],
        {"memory": 5.0, "seconds": 300.0},
        "2026-01-02",
        cost,
    )
    text = page(zoo)
    assert "Swaps in 4 models of 2 libraries" in text
    assert "**2 models have activations to change; 1 of them (50.0%) pass every step.** 1 does not" in text
    assert "1 have nothing to change, and 1 were skipped" in text
    assert "torch 2.0. On a machine, one thread; last examined on 2026-01-02." in text
    assert (
        "A model may take 5 GiB of memory and 300 s of processor time. Not installed, and so left out: monai." in text
    )
    assert "took 1.50 s of processor time, 0.50 s of it for applying" in text
    assert "| fake | 2 | 1 | 1 | 0 | 0 | 4 |" in text
    assert "| other | 2 | 0 | 0 | 1 | 1 | 0 |" in text
    assert "| fake/bad | train | no / gradient |" in text
    assert "| other/big | it takes more memory than a model may |" in text
    assert "| other/none | it has no activations |" in text
    assert "| good | 2×3×8×8 | 1 relu, 1 gelu, 1 leaky_relu | all | 5 of 5 |" in text
    assert "| bad |  | 1 relu | not train |" in text
    assert "| gelu | 1 | " in text
    # Every table's rows have as many cells as its head.
    for block in text.split("\n\n"):
        rows = [line for line in block.splitlines() if line.startswith("|")]
        assert len({row.count("|") for row in rows}) <= 1, block
    assert "Not installed" not in page(Zoo())


def test_libraries_are_listed_with_what_they_are_called() -> None:
    here = Path(families.__file__).parent
    assert {path.stem for path in here.glob("*.py")} == {
        "__init__",
        *(library.module for library in families.LIBRARIES),
    }
    wanted = (here.parent / "requirements.txt").read_text(encoding="utf-8")
    torchvision, *others = families.LIBRARIES
    assert families.is_installed(torchvision)
    assert families.version(torchvision)[0].isdigit()
    assert not families.is_installed(families.Library("none", "none", "no_such_library"))
    for library in others:
        assert f"\n{library.package}>=" in wanted
    some = [*select(families.entries(torchvision), "torchvision/*resnet18*")]
    assert [one.name for one in some] == ["torchvision/resnet18", "torchvision/quantized_resnet18"]
