"""Networks from outside the registry: what they are called with, what tells them apart, and what is refused."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from rectifiers import networks
from rectifiers.core.errors import ConfigError, ShapeError, UnknownNameError
from rectifiers.networks import outside

SOURCE = """
from torch import nn

def plain():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))

def sized(n_classes, input_shape, width=4):
    net = nn.Sequential(nn.Flatten(), nn.Linear(input_shape[-1] * input_shape[-2], width), nn.Linear(width, n_classes))
    return net

def asking(act, shape, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 5), act(5), nn.Linear(5, classes))

def needy(depth, classes):
    return plain()

def open_to_all(**options):
    return nn.Linear(options["width"], 1)

def by_position(width, /):
    return plain()

def nothing():
    return None

def failing():
    raise OSError("no file")

def leaving():
    raise SystemExit

made = plain()
number = 3

def same():
    return made
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module in the working directory; what it is called."""
    name = f"own_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield name
    outside._find_once.cache_clear()
    sys.modules.pop(name, None)


def test_a_factory_is_called_with_what_it_asks_for(own: str) -> None:
    assert outside.get(f"{own}:plain").make((1, 8, 8), 10, {})[1].out_features == 10
    net = outside.get(f"{own}:sized").make((1, 8, 6), 7, {"width": 5})
    assert (net[1].in_features, net[1].out_features, net[2].out_features) == (48, 5, 7)
    assert outside.get(f"{own}:open_to_all").make((1, 8, 8), 10, {"width": 3}).in_features == 3


def test_one_that_asks_for_activations_gets_them(own: str) -> None:
    found = outside.get(f"{own}:asking")
    assert found.takes_act
    assert not outside.get(f"{own}:sized").takes_act
    net = networks.create(f"{own}:asking", lambda channels: nn.PReLU(channels), shape=(1, 8, 8), classes=3)
    assert net[2].num_parameters == 5


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("needy", "needs 'depth'; give it in network_args"),
        ("by_position", "takes 'width' by position alone"),
        ("nothing", "returned something of type NoneType; expected an nn.Module"),
        ("failing", r"failed when it was called with \(\): OSError: no file"),
        ("leaving", r"failed when it was called with \(\): SystemExit"),
    ],
)
def test_factories_that_make_nothing(own: str, factory: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        outside.get(f"{own}:{factory}").make((1, 8, 8), 10, {})


@pytest.mark.parametrize(
    ("name", "message"),
    [("made", "is a model; expected a function that makes one"), ("number", "is of type int; expected a function")],
)
def test_what_makes_no_networks(own: str, name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        networks.check(f"{own}:{name}")


def test_names_and_options_that_are_not_there(own: str) -> None:
    with pytest.raises(UnknownNameError, match="did you mean plain"):
        networks.check(f"{own}:plane")
    with pytest.raises(ConfigError, match="has no parameter 'wide' for network_args; it takes n_classes"):
        outside.get(f"{own}:sized").make((1, 8, 8), 10, {"wide": 4})
    with pytest.raises(ConfigError, match="cannot import nowhere"):
        networks.check("nowhere:net")


def test_the_same_model_twice_is_refused(own: str) -> None:
    found = outside.get(f"{own}:same")
    found.make((1, 8, 8), 10, {})
    with pytest.raises(ConfigError, match="returned the same model as before"):
        found.make((1, 8, 8), 10, {})


def test_the_digest_is_that_of_the_source(own: str) -> None:
    before = outside.get(f"{own}:plain").digest
    assert before == outside.get(f"{own}:sized").digest
    Path(f"{own}.py").write_text(SOURCE + "\n# changed\n")
    outside._find_once.cache_clear()
    assert outside.get(f"{own}:plain").digest != before
    scope: dict[str, object] = {}
    exec("def unseen(): pass", scope)
    sys.modules[own].unseen = scope["unseen"]
    with pytest.raises(ConfigError, match=r"the source of .* cannot be read"):
        networks.check(f"{own}:unseen")


def test_torchvision_by_name() -> None:
    found = outside.get("torchvision:squeezenet1_1")
    assert found.library.startswith("torchvision ")
    assert found.make((3, 64, 64), 7, {}).classifier[1].out_channels == 7
    with pytest.raises(UnknownNameError, match="did you mean resnet18"):
        networks.check("torchvision:resnet-18")
    with pytest.raises(ConfigError, match="expected the name of a network after the colon"):
        networks.check("torchvision:")


def test_timm_by_name() -> None:
    pytest.importorskip("timm")
    net = outside.get("timm:resnet10t").make((1, 32, 32), 7, {})
    assert (net.conv1[0].in_channels, net.fc.out_features) == (1, 7)
    with pytest.raises(UnknownNameError, match="unknown network of timm"):
        networks.check("timm:resnett")


TINY_VIT = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "patch_size": 8,
    "intermediate_size": 16,
}


def test_hugging_face_by_type_and_by_file(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    net = outside.get("hf:vit").make((1, 16, 16), 7, TINY_VIT)
    assert net(torch.zeros(2, 1, 16, 16)).shape == (2, 7)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "vit", "id2label": {"0": "cat"}, **TINY_VIT}))
    described = outside.get(f"hf:{tmp_path}")
    assert described.digest is not None
    assert described.make((3, 16, 16), 5, {})(torch.zeros(1, 3, 16, 16)).shape == (1, 5)
    with pytest.raises(ShapeError, match=r"takes images \(channels, height, width\)"):
        described.make((70, 1014), 4, {})
    with pytest.raises(UnknownNameError, match="did you mean vit"):
        networks.check("hf:vitt")


TINY_BERT = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "vocab_size": 50,
    "max_position_embeddings": 12,
}


def test_hugging_face_for_texts() -> None:
    pytest.importorskip("transformers")
    found = outside.get("hf:bert")
    net = found.make((12,), 3, TINY_BERT).eval()
    texts = torch.tensor([[7.0, 8, 9, 0, 0, 0], [7, 8, 9, 4, 5, 6]])
    with torch.no_grad():
        logits = net(texts)
        assert logits.shape == (2, 3)
        # What lies beyond the end of a text has no part in it.
        torch.testing.assert_close(net(texts[:1, :3]), logits[:1])
        assert net(torch.zeros(2, 4)).isfinite().all()
    assert not [name for name, _ in net.named_parameters() if "pooler" in name]
    with pytest.raises(ShapeError, match="takes texts of at most 12 word pieces, got 13"):
        found.make((13,), 3, TINY_BERT)


def test_configurations_that_are_none(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    file = tmp_path / "mine.json"
    with pytest.raises(ConfigError, match="cannot read"):
        networks.check(f"hf:{file}")
    for content, message in (("{", "is not JSON"), ("[]", "holds list where a configuration is expected")):
        file.write_text(content)
        with pytest.raises(ConfigError, match=message):
            networks.check(f"hf:{file}")


def test_a_configuration_that_was_edited_is_read_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    known = SimpleNamespace(configuration_auto=SimpleNamespace(CONFIG_MAPPING_NAMES={"vit": "ViTConfig"}))
    library = SimpleNamespace(models=SimpleNamespace(auto=known))
    monkeypatch.setitem(sys.modules, "transformers", library)  # type: ignore[arg-type]
    file = tmp_path / "config.json"
    digests = set()
    for size in (16, 32):
        file.write_text(json.dumps({"model_type": "vit", "hidden_size": size}))
        digests |= {outside.get(f"hf:{file}").digest, outside.digest(f"hf:{tmp_path}")}
    assert len(digests) == 2


def test_a_library_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ConfigError, match=r'timm:resnet18 needs timm; install "rectifiers\[timm\]"'):
        networks.check("timm:resnet18")


def test_what_a_library_makes_is_told_apart_without_the_library(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for library in ("timm", "transformers"):
        monkeypatch.setitem(sys.modules, library, None)
    assert outside.digest("timm:resnet18") is None
    assert outside.digest("hf:bert") is None
    with pytest.raises(ConfigError, match=r'install "rectifiers\[hf\]"'):
        outside.digest(f"hf:{tmp_path}")
