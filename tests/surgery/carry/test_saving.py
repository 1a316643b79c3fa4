"""Swapped models on disk: whole or not at all, back to the bit, and never into another model."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from rectifiers.core.errors import ConfigError, DataError, RectifiersError, UnsupportedError
from rectifiers.surgery import base_state_dict, load, save, swap
from rectifiers.surgery.plan import history

SHAPE = (2, 3, 12, 12)


class Net(nn.Module):
    """With a module, a reused module, and a function to replace."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, width, 3), nn.Conv2d(width, width, 3)
        self.norm, self.act, self.head = nn.BatchNorm2d(width), nn.ReLU(inplace=True), nn.Linear(width, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.norm(self.first(x)))
        x = self.act(self.second(x))
        return F.relu(self.head(x.mean((2, 3))))


def disturb(model: nn.Module) -> None:
    """Give every number another value, as training does."""
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            if tensor.is_floating_point():
                tensor.add_(torch.rand_like(tensor))


@pytest.mark.parametrize(
    ("to", "where"),
    [*((to, where) for to in ("pvlu", "arelu", "swish") for where in ("all", "first", "last")), ("convrelu", "first")],
)
def test_comes_back_to_the_bit(tmp_path: Path, to: str, where: str) -> None:
    model, x = Net(), torch.randn(SHAPE)
    swap(model, to, example=x, where=where)
    disturb(model)
    save(model, tmp_path / "net")
    loaded = load(tmp_path / "net", Net)
    assert torch.equal(loaded.eval()(x), model.eval()(x))
    assert [*loaded.state_dict()] == [*model.state_dict()]
    assert [plan.to_json() for plan in history(loaded)] == [plan.to_json() for plan in history(model)]


def test_a_layers_numbers_written_without_an_axis_are_read(tmp_path: Path) -> None:
    model, x = Net(), torch.randn(SHAPE)
    swap(model, "arelu", example=x)
    disturb(model)
    save(model, tmp_path / "net")
    (file,) = (tmp_path / "net").glob("*.safetensors")
    old = {name: value.reshape(()) if value.shape == (1,) else value for name, value in load_file(file).items()}
    assert sum(not value.ndim for value in old.values()) > 2
    save_file(old, file)
    assert torch.equal(load(tmp_path / "net", Net).eval()(x), model.eval()(x))


class Around(nn.Module):
    """Holds a part that is swapped by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.part, self.head = nn.Sequential(nn.Linear(4, 4), nn.ReLU()), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.head(self.part(x)))


def test_a_part_that_was_swapped_by_itself_is_named(tmp_path: Path) -> None:
    model, x = Around(), torch.randn(2, 4)
    swap(model.part, "pvlu", example=x)
    swap(model, "prelu", example=x)
    disturb(model)
    save(model, tmp_path)
    instance = Around()
    with pytest.raises(ConfigError, match="has part swapped apart from the rest"):
        load(tmp_path, instance)
    assert not history(instance)
    swap(instance.part, "pvlu", example=x)
    assert torch.equal(load(tmp_path, instance)(x), model(x))
    with pytest.raises(UnsupportedError, match="part of this Around was swapped apart from the rest"):
        base_state_dict(model, drop_learned=True)


def test_several_swaps_come_back_in_order(tmp_path: Path) -> None:
    model, x = Net(), torch.randn(SHAPE)
    swap(model, "pvlu", example=x, where="last")
    swap(model, "prelu", example=x, where="first")
    disturb(model)
    save(model, tmp_path)
    instance = Net()
    assert load(tmp_path, instance) is instance
    assert torch.equal(instance.eval()(x), model.eval()(x))


def test_a_model_that_is_not_swapped_and_one_in_data_parallel(tmp_path: Path) -> None:
    model, x = Net(), torch.randn(SHAPE)
    save(nn.DataParallel(model), tmp_path)
    wrapped = nn.DataParallel(Net())
    assert load(tmp_path, wrapped) is wrapped
    assert torch.equal(wrapped.module.eval()(x), model.eval()(x))


def test_a_compiled_model_is_saved_like_the_one_inside(tmp_path: Path) -> None:
    model, x = Net(), torch.randn(SHAPE)
    swap(model, "pvlu", example=x)
    model.compile()
    save(torch.compile(model), tmp_path)
    assert [*base_state_dict(torch.compile(model))] == [*Net().state_dict()]
    assert history(torch.compile(model)) == history(model)
    loaded = load(tmp_path, Net)
    assert all(torch.equal(loaded.state_dict()[name], value) for name, value in model.state_dict().items())


def test_weights_go_over_in_any_layout_and_dtype(tmp_path: Path) -> None:
    model = Net().double().to(memory_format=torch.channels_last)
    swap(model, "pvlu", example=SHAPE)
    save(model, tmp_path)
    loaded = load(tmp_path, Net().double().to(memory_format=torch.channels_last))
    assert loaded.first.weight.is_contiguous(memory_format=torch.channels_last)
    x = torch.randn(SHAPE).double()
    assert torch.equal(loaded.eval()(x), model.eval()(x))


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.act, self.second = nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4)
        self.second.weight = self.first.weight
        self.register_buffer("table", torch.arange(6.0))
        self.register_buffer("part", self.table[:3])

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.act(self.first(x))) + self.part.sum()


def test_tied_weights_are_written_once_and_stay_tied(tmp_path: Path) -> None:
    model = Tied()
    swap(model, "pvlu", example=(2, 4))
    disturb(model)
    save(model, tmp_path)
    document = json.loads((tmp_path / "plan.json").read_text())
    assert document["aliases"] == {"second.weight": "first.weight"}
    assert "second.weight" not in load_file(tmp_path / document["weights"])
    loaded = load(tmp_path, Tied)
    assert loaded.second.weight is loaded.first.weight
    x = torch.randn(2, 4)
    assert torch.equal(loaded(x), model(x))


def test_a_folder_holds_one_whole_save_whatever_interrupts_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, old, new = torch.randn(SHAPE), Net(), Net()
    save(old, tmp_path)
    real = Path.replace
    for stop in ("weights", "plan"):

        def replace(self: Path, target: Path, stop: str = stop) -> Path:
            if Path(target).name.startswith(stop):
                raise OSError(28, os.strerror(28))
            return real(self, target)

        monkeypatch.setattr(Path, "replace", replace)
        with pytest.raises(DataError, match=r"No space left on device; an earlier save there is still complete"):
            save(new, tmp_path)
        assert torch.equal(load(tmp_path, Net).eval()(x), old.eval()(x))
    monkeypatch.undo()
    save(new, tmp_path)
    assert torch.equal(load(tmp_path, Net).eval()(x), new.eval()(x))
    assert len([*tmp_path.iterdir()]) == 2


def saved(folder: Path) -> Path:
    torch.manual_seed(1)
    model = Net()
    swap(model, "pvlu", example=SHAPE)
    save(model, folder)
    return next(folder.glob("weights-*"))


def edit(folder: Path, **changes: object) -> None:
    path = folder / "plan.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


DAMAGES: dict[str, tuple[Callable[[Path, Path], object], type[RectifiersError], str]] = {
    "no folder": (
        lambda folder, _: (folder / "plan.json").unlink(),
        DataError,
        r"cannot read .*plan\.json: No such file",
    ),
    "no weights": (lambda _, weights: weights.unlink(), DataError, r"cannot read .*weights-.*: No such file"),
    "truncated weights": (
        lambda _, weights: weights.write_bytes(weights.read_bytes()[:-40]),
        DataError,
        "truncated, damaged or not a safetensors file",
    ),
    "empty weights": (lambda _, weights: weights.write_bytes(b""), DataError, "truncated, damaged"),
    "a pickle": (lambda _, weights: torch.save({}, weights), DataError, "not a safetensors file"),
    "truncated plan": (
        lambda folder, _: (folder / "plan.json").write_text((folder / "plan.json").read_text()[:100]),
        DataError,
        r"plan\.json is truncated",
    ),
    "a later format": (
        lambda folder, _: edit(folder, format=7, rectifiers="9.1"),
        DataError,
        "is of format 7, written by rectifiers 9.1; this release, .* reads format 1",
    ),
    "a later plan": (lambda folder, _: edit(folder, plans=[{"version": 99}]), DataError, "plan is of version 99"),
    "a list": (lambda folder, _: (folder / "plan.json").write_text("[]"), DataError, "not what rectifiers.save writes"),
    "parts missing": (lambda folder, _: edit(folder, plans=None), DataError, "is damaged"),
    "a path": (lambda folder, _: edit(folder, weights="../other.safetensors"), DataError, "outside of its folder"),
    "an alias of nothing": (lambda folder, _: edit(folder, aliases={"a": "b"}), DataError, "has no b"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_folders_are_refused(tmp_path: Path, damage: str) -> None:
    spoil, error, message = DAMAGES[damage]
    spoil(tmp_path, saved(tmp_path))
    instance = Net()
    before = repr(instance)
    with pytest.raises(error, match=message):
        load(tmp_path, instance)
    assert repr(instance) == before


def swapped() -> Net:
    model = Net()
    swap(model, "prelu", example=SHAPE)
    return model


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), r"Sequential has no module 'act'"),
        (
            lambda: Net(width=6),
            r"saved from Net, does not fit this Net: its first\.weight is 4×3×3×3 instead of 6×3×3×3",
        ),
        (swapped, r"this Net is swapped already \(PReLU\)"),
        (lambda: Net().to("meta"), "is on the meta device"),
    ],
    ids=["another structure", "another width", "swapped", "meta"],
)
def test_other_instances_are_refused_and_left_alone(
    tmp_path: Path, make: Callable[[], nn.Module], message: str
) -> None:
    saved(tmp_path)
    instance = make()
    before, values = repr(instance), {name: value.clone() for name, value in instance.state_dict().items()}
    with pytest.raises(ConfigError, match=message):
        load(tmp_path, instance)
    assert repr(instance) == before
    after = instance.state_dict()
    assert [*after] == [*values]
    if "meta" not in message:
        assert all(torch.equal(after[name], values[name]) for name in values)


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    saved(tmp_path)
    instance = Net()
    instance.extra = nn.Linear(1, 1)
    del instance.norm.running_mean
    with pytest.raises(ConfigError, match=r"it has no extra\.weight; it has no extra\.bias; it has norm\.running_mean"):
        load(tmp_path, instance)


class Sparse(nn.Linear):
    def __init__(self) -> None:
        super().__init__(2, 3)
        self.register_buffer("near", torch.eye(3).to_sparse_csr())


class Extra(nn.Linear):
    def get_extra_state(self) -> dict[str, int]:
        return {"calls": 1}

    def set_extra_state(self, state: object) -> None:
        raise AssertionError(state)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: nn.LazyLinear(3), ConfigError, "weight has no values yet; call the model on a batch"),
        (lambda: nn.Linear(2, 3, device="meta"), ConfigError, "has no values yet"),
        (Sparse, UnsupportedError, "near is of type Tensor; only plain tensors can be saved"),
        (lambda: Extra(2, 3), UnsupportedError, "_extra_state is of type dict; only plain tensors can be saved"),
    ],
    ids=["lazy", "meta", "sparse", "extra state"],
)
@pytest.mark.filterwarnings("ignore:Lazy modules", "ignore:Sparse CSR")
def test_what_cannot_be_written_is_refused(
    tmp_path: Path, make: Callable[[], nn.Module], error: type[RectifiersError], message: str
) -> None:
    with pytest.raises(error, match=message):
        save(make(), tmp_path)
    assert not [*tmp_path.iterdir()]


def test_a_function_without_a_name_is_refused(tmp_path: Path) -> None:
    model = Net()
    swap(model, lambda channels: nn.PReLU(channels), example=SHAPE)
    with pytest.raises(ConfigError, match="register it under a name"):
        save(model, tmp_path)
    assert not [*tmp_path.iterdir()]


def test_layers_that_ask_for_their_version(tmp_path: Path) -> None:
    """As torchvision's MNASNet does, which had other widths once."""

    class Versioned(nn.Sequential):
        _version = 2

        def _load_from_state_dict(
            self, state: object, prefix: str, local_metadata: dict[str, int], *rest: object
        ) -> None:
            if local_metadata.get("version") != 2:
                raise ValueError(f"version should be set to 2 instead of {local_metadata.get('version')}")
            super()._load_from_state_dict(state, prefix, local_metadata, *rest)

    def make() -> nn.Module:
        return Versioned(nn.Linear(2, 3), nn.ReLU())

    model = make()
    swap(model, "pvlu", example=(1, 2))
    disturb(model)
    save(model, tmp_path)
    x = torch.randn(4, 2)
    torch.testing.assert_close(load(tmp_path, make)(x), model(x), atol=0, rtol=0)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"cannot write .*file"):
        save(Net(), tmp_path / "file")


def test_safetensors_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(tmp_path)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    for call in (lambda: save(Net(), tmp_path), lambda: load(tmp_path, Net)):
        with pytest.raises(ConfigError, match=r'weights are saved with safetensors; install "rectifiers\[lab\]"'):
            call()


def test_files_of_others_stay_and_saves_that_were_interrupted_go(tmp_path: Path) -> None:
    mine, theirs, left = (tmp_path / f"weights-{name}.safetensors" for name in ("best", "0123abcd", "4567abcd"))
    for path in (mine, theirs, left):
        path.touch()
    os.utime(left, (0, 0))
    save(nn.Linear(2, 3), tmp_path)
    first = json.loads((tmp_path / "plan.json").read_text())["weights"]
    # One that another process has just written is about to be named by its plan.
    assert {path.name for path in tmp_path.iterdir()} == {"plan.json", mine.name, theirs.name, first}
    save(nn.Linear(2, 3), tmp_path)
    second = json.loads((tmp_path / "plan.json").read_text())["weights"]
    assert {path.name for path in tmp_path.iterdir()} == {"plan.json", mine.name, theirs.name, second}
