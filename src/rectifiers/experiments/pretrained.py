"""Published weights that a trial may start from: what a network learned elsewhere.

Files of PyTorch's are pickles: only what has the published hash is read, and of that only tensors. A package may bring
weights too.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from .. import datasets
from ..core.errors import ConfigError, UnknownNameError
from ..datasets.files import Resource
from ..datasets.packaged import PackagedFile, minilm
from ..datasets.publication import Publication
from ..datasets.source import Availability

if TYPE_CHECKING:
    from .weights import Weights

FOLDERS = ("weights",)


@dataclass(frozen=True)
class Pretrained:
    """Weights that somebody publishes.

    Args:
        name: as a trial's `pretrained` says it.
        network: the registered network that they fit; with other classes, but for its last layer.
        resource: the file.
        gigabytes: of the file, in 10⁹ bytes.
        packaged: the same file in a package that brings it; None where it is downloaded.
        prefix: what stands before the names of its tensors in the network.
    """

    name: str
    network: str
    resource: Resource
    gigabytes: float
    packaged: PackagedFile | None = None
    prefix: str = ""

    def look(self, data_dir: Path) -> Availability:
        """Whether the file is there."""
        return self.publication.look(data_dir) if self.packaged is None else self.packaged.look()

    def read(self, data_dir: Path, *, download: bool = False) -> bytes:
        """The content of the file.

        Raises:
            DataError: it is missing or damaged.
        """
        if self.packaged is not None:
            return self.packaged.read()
        if download:
            self.publication.fetch(data_dir)
        return self.publication.read(data_dir)[self.resource.file]

    @property
    def publication(self) -> Publication:
        """The file with the places where it may lie."""
        return Publication(self.name, FOLDERS, (self.resource,))

    def check_network(self, network: str) -> None:
        """Make sure that they fit a network.

        Raises:
            ConfigError: they are those of another.
        """
        if network != self.network:
            raise ConfigError(
                f"{self.name} are weights of {self.network!r}, got network {network!r}; choose network {self.network!r}"
            )


def _torchvision(name: str, sha256: str) -> Resource:
    """A file of torchvision's: its name ends in the first digits of its hash."""
    file = f"{name}-{sha256[:8]}.pth"
    return Resource(file, sha256, (f"https://download.pytorch.org/models/{file}",), algorithm="sha256")


MINILM = minilm("model.safetensors", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db")

PRETRAINED = {
    weights.name: weights
    for weights in (
        Pretrained("all-minilm-l6-v2", "hf:bert", MINILM.resource, 0.091, MINILM, prefix="encoder."),
        Pretrained(
            "alexnet-imagenet1k-v1",
            "alexnet",
            _torchvision("alexnet-owt", "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02"),
            0.244,
        ),
        Pretrained(
            "resnet-50-imagenet1k-v1",
            "resnet-50-imagenet",
            _torchvision("resnet50", "0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a"),
            0.103,
        ),
        Pretrained(
            "vgg-16-imagenet1k-v1",
            "vgg-16-imagenet",
            _torchvision("vgg16", "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0"),
            0.553,
        ),
        Pretrained(
            "vgg-19-imagenet1k-v1",
            "vgg-19-imagenet",
            _torchvision("vgg19", "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44"),
            0.575,
        ),
    )
}
"""By name; torchvision's are named after the network and its `Weights`."""


def get(name: str) -> Pretrained:
    """The published weights called `name`.

    Raises:
        UnknownNameError: with the nearest names.

    Example:
        >>> get("alexnet-imagenet1k-v1").resource.file
        'alexnet-owt-7be5be79.pth'
    """
    if name not in PRETRAINED:
        raise UnknownNameError("published weights", name, PRETRAINED)
    return PRETRAINED[name]


def check(name: str, data_dir: Path | str | None = None) -> Availability:
    """Whether the file is there, without reading it.

    Args:
        name: of the weights.
        data_dir: as for `datasets.load`.

    Raises:
        UnknownNameError: with the nearest names.

    Example:
        >>> check("alexnet-imagenet1k-v1", "nowhere").missing
        ('alexnet-owt-7be5be79.pth',)
    """
    return get(name).look(datasets.data_folder(data_dir))


def load(name: str, data_dir: Path | str | None = None, *, download: bool = False) -> Weights:
    """The published weights called `name`, on the CPU.

    Args:
        name: of the weights.
        data_dir: as for `datasets.load`.
        download: fetch the file if it is missing, and check its hash.

    Raises:
        UnknownNameError: with the nearest names.
        DataError: the file is missing or damaged, or holds anything but weights.
    """
    weights = get(name)
    content = weights.read(datasets.data_folder(data_dir), download=download)
    file = weights.resource.file
    if file.endswith(".safetensors"):
        from safetensors.torch import load as read_tensors

        tensors: Weights = read_tensors(content)
    else:
        from ..surgery.weights_file import unpickle_tensors  # needs torch, which looking for the file does not

        tensors = unpickle_tensors(BytesIO(content), file)
    return {f"{weights.prefix}{tensor}": value for tensor, value in tensors.items()}
