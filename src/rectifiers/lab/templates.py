"""Files to start from: an activation, a network or a data set of your own, and its test."""

from __future__ import annotations

import keyword
import re
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from .. import activations, datasets, networks
from ..core.errors import ConfigError, UnknownNameError
from ..core.files import write_file
from ..core.own_file import import_path
from ..core.registry import Registry

_ACTIVATION = '''"""{title}, an activation of your own."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rectifiers.core.elementwise import Elementwise, apply
from rectifiers.core.spec import ActivationSpec, ParameterSpec


def formula(x: Tensor, a: Tensor) -> Tensor:
    """The equation; `a` comes ready to broadcast."""
    return x * torch.sigmoid(a * x)


class {title}(Elementwise):
    """x·σ(a·x), with a learned a."""

    a: nn.Parameter
    spec = ActivationSpec(
        name="{name}",
        title="{title}",
        equation="x·σ(a·x)",
        paper="your name, {year}",
        parameters=(ParameterSpec("a", init=1.0),),
        monotone=False,
    )

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return apply("{title}", formula, self.ready(input), channel_dim=self.channel_dim, a=self.a)
'''

_NETWORK = '''"""{title}, a network of your own."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from rectifiers.networks.blocks import activate


class {title}(nn.Module):
    """Two convolutions with an activation each, pooled, and logits.

    Args:
        act: makes an activation for a number of channels; it is called once per site, in forward order.
        shape: channels, height and width of an image.
        classes: number of logits.
        width: channels of the first convolution.
    """

    def __init__(
        self, act: Callable[[int], nn.Module], *, shape: tuple[int, ...], classes: int, width: int = 16
    ) -> None:
        super().__init__()
        first, inner = activate(act, width)  # some activations change the number of channels
        second, outer = activate(act, 2 * width)
        self.layers = nn.Sequential(
            nn.Conv2d(shape[0], width, 3, padding=1),
            first,
            nn.Conv2d(inner, 2 * width, 3, padding=1),
            second,
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(outer, classes),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Compute the logits of a batch."""
        logits: Tensor = self.layers(images)
        return logits
'''

_DATASET = '''"""{title}, a data set of your own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from rectifiers.datasets import Dataset, Split
from rectifiers.datasets.source import Source


@dataclass(frozen=True)
class {title}(Source):
    """Bright squares, left or right, on noise: put your own images in their place."""

    def load(self, data_dir: Path) -> Dataset:
        """Make the images; a source that reads files finds them in `data_dir`, or at a path of its own."""
        return Dataset("{title}", _draw(512, seed=0), _draw(128, seed=1), classes=("left", "right"))


def _draw(count: int, seed: int) -> Split:
    """Images as 8-bit numbers N×C×H×W, and their labels, counted from 0."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 128, (count, 1, 8, 8), dtype=torch.uint8, generator=generator)
    labels = torch.randint(0, 2, (count,), generator=generator)
    images[labels == 0, :, 2:6, :4] += 100
    images[labels == 1, :, 2:6, 4:] += 100
    return Split(images, labels)
'''

_TEST = '''"""What every {kind} keeps to, and what is true of this one alone."""

from __future__ import annotations

{imports}

from rectifiers.testing import check

from {name} import {title}


def test_it_keeps_what_every_{word}_keeps() -> None:
    report = check({title}, price=False)
    assert report.ok, str(report)


{own}'''

_OWN_TESTS = {
    "activation": (
        "import torch",
        """def test_its_values() -> None:
    x = torch.tensor([-1.0, 0.0, 2.0])
    assert torch.allclose({title}()(x), x * torch.sigmoid(x))
""",
    ),
    "network": (
        "import torch\nfrom torch import nn",
        """def test_the_number_of_its_parameters() -> None:
    net = {title}(lambda channels: nn.ReLU(), shape=(1, 8, 8), classes=10)
    assert net(torch.zeros(2, 1, 8, 8)).shape == (2, 10)
    assert sum(parameter.numel() for parameter in net.parameters()) == 160 + 4640 + 330
""",
    ),
    "dataset": (
        "from pathlib import Path",
        """def test_its_size() -> None:
    data = {title}().load(Path())
    assert (len(data.train), len(data.test), data.shape) == (512, 128, (1, 8, 8))
""",
    ),
}
_REGISTRIES: dict[str, Registry[Any]] = {
    "activation": activations.registry,
    "network": networks.registry,
    "dataset": datasets.registry,
}
_TEMPLATES = {"activation": _ACTIVATION, "network": _NETWORK, "dataset": _DATASET}


def new(kind: str, name: str, folder: Path | str = ".", *, year: int = 2026) -> tuple[Path, Path]:
    """Write a file to start from and its test, which pass `rectifiers check` and pytest as they are.

    Args:
        kind: activation, network or dataset.
        name: of the file, such as my_act; the class is called MyAct.
        folder: where to.
        year: stands in an activation's spec.

    Returns:
        The file and its test.

    Raises:
        UnknownNameError: there is no such kind.
        ConfigError: the name cannot be one of a module or is that of another, or one of the files is there already.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     [path.name for path in new("activation", "my_act", folder)]
        ['my_act.py', 'test_my_act.py']
    """
    if kind not in _TEMPLATES:
        raise UnknownNameError("kind", kind, _TEMPLATES)
    stem = name.strip().removesuffix(".py").replace("-", "_")
    if not stem.isidentifier() or keyword.iskeyword(stem) or not stem.isascii():
        raise ConfigError(f"expected a name such as my_act, of letters, digits and underscores, got {name!r}")
    stem = re.sub("(?<=[a-z0-9])(?=[A-Z])", "_", stem).lower()
    registered = _REGISTRIES[kind]
    title = "".join(part[:1].upper() + part[1:] for part in stem.split("_"))
    if stem in registered or title in registered:
        raise ConfigError(f"there is {registered.kind} {stem!r} already; choose another name")
    paths = Path(folder) / f"{stem}.py", Path(folder) / f"test_{stem}.py"
    for path in paths:
        if path.exists():
            raise ConfigError(f"{path} is there already; choose another name, or move it away")
    if stem in sys.stdlib_module_names or PathFinder.find_spec(stem, import_path()) is not None:
        # In its folder the file would be imported in place of the other, by everything. A file that this process loaded
        # from another folder is in nobody's way.
        raise ConfigError(f"there is a module {stem!r} already, which this file would hide; choose another name")
    word = "data_set" if kind == "dataset" else kind
    facts = {"name": stem, "title": title, "year": year, "kind": word.replace("_", " "), "word": word}
    imports, own = _OWN_TESTS[kind]
    write_file(paths[0], _TEMPLATES[kind].format(**facts), make_folder=True)
    write_file(paths[1], _TEST.format(**facts, imports=imports, own=own.format(**facts)))
    return paths
