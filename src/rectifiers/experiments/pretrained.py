"""Published weights that a trial may start from: what a network learned elsewhere.

They are files of PyTorch's, which are pickles: only what has the published hash is read, and of that only tensors.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from .. import datasets
from ..core.errors import ConfigError, UnknownNameError
from ..datasets.files import Resource
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
    """

    name: str
    network: str
    resource: Resource
    gigabytes: float

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


PRETRAINED = {
    weights.name: weights
    for weights in (
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
"""By name, which is that of the network and of torchvision's `Weights`."""


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
    return get(name).publication.look(datasets.data_folder(data_dir))


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
    from ..surgery.weights_file import unpickle_tensors  # needs torch, which looking for the file does not

    publication, folder = get(name).publication, datasets.data_folder(data_dir)
    if download:
        publication.fetch(folder)
    ((file, content),) = publication.read(folder).items()
    return unpickle_tensors(BytesIO(content), file)
