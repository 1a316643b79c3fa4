"""The reference of all networks."""

from __future__ import annotations

import inspect

import torch
from torch import nn

from rectifiers import networks

from .published import DOCS

PAGE = DOCS / "networks.md"

INTRODUCTION = """\
# The networks

<!-- Written by `make docs` from the networks' specs; edit those. -->

`rectifiers.networks.create(name, act, shape=…, classes=…, **options)` makes a network with any activation:
`act(channels)` makes the activation for a number of channels, and is called once per site, in forward order. No network
names an activation itself. An activation that changes the number of channels, as CReLU does, fits wherever the layers
after it can read another number; where it cannot fit, because a network adds two of its parts, an error says so.

```python
from rectifiers import activations
from rectifiers.networks import create
from rectifiers.networks.placement import list_sites, place

shape, classes = (3, 32, 32), 100
sites = list_sites("densenet-convrelu", shape=shape, classes=classes)
act = place(
    [site.index for site in sites if site.name.startswith("block1.")],
    inside=lambda channels: activations.create("prelu", share="channel", channels=channels),
    elsewhere=lambda channels: activations.create("relu"),
)
net = create("densenet-convrelu", act, shape=shape, classes=classes)
```

`list_sites` returns the index, name, channels and stage of every site, and what reads it; `heads.replace_head` gives a
trained network another last layer. The parameters below are counted with ReLU, for the paper's input and number of
classes.
"""


def page() -> str:
    """The reference of all registered networks, in Markdown."""
    lines = [
        INTRODUCTION,
        "| Name | Network | Input | Classes | Parameters | Sites | Options | Proposed in; used in |",
        "|---|---|---|--:|--:|--:|---|---|",
        *map(_line, networks.registry),
    ]
    return "\n".join([*lines, ""])


def _line(name: str) -> str:
    cls = networks.registry.get(name)
    spec = cls.spec
    sites: list[int] = []

    def act(channels: int) -> nn.Module:
        sites.append(channels)
        return nn.ReLU()

    with torch.device("meta"):
        net = networks.create(name, act, shape=spec.shape, classes=spec.classes)
    parameters = sum(parameter.numel() for parameter in net.parameters())
    known = inspect.signature(cls).parameters
    options = ", ".join(f"`{option}`" for option in known if option not in ("act", "shape", "classes")) or "–"
    shape = "×".join(map(str, spec.shape))
    cells = (f"`{name}`", spec.title, shape, str(spec.classes), f"{parameters:,}", str(len(sites)), options, spec.paper)
    return f"| {' | '.join(cells)} |"
