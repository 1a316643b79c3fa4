"""Make a network die, diagnose it, and bring it back by the swap that the doctor proposes.

    python benchmarks/revive.py [--seeds 5]

A perceptron on the embedded digits starts with biases so negative, and learns at a rate so high, that nearly all units
of a layer die and no gradient passes. Then it trains on for as long again: as it is, and after the swap; both from the
same weights, at the same rate and with the same batches.
"""

from __future__ import annotations

import argparse
import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import rectifiers
from rectifiers import datasets
from rectifiers.analysis import Watch, compare_diagnoses
from rectifiers.experiments.statistics import compare, summarise
from rectifiers.surgery import swap

EPOCHS, BATCH = 10, 64
RATE = 0.05


def dying(seed: int) -> nn.Sequential:
    """Most of the units of the first layer start below zero on most digits."""
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    with torch.no_grad():
        net[1].bias -= 6
        net[3].bias -= 3
    return net


def train(net: nn.Module, images: Tensor, labels: Tensor, seed: int) -> None:
    """Plain SGD with momentum."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.SGD(net.parameters(), RATE, momentum=0.9)
    net.train()
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(images), generator=generator).split(BATCH):
            optimizer.zero_grad()
            F.cross_entropy(net(images[batch]), labels[batch]).backward()
            optimizer.step()


def main() -> None:
    """Do it for several seeds, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    seeds = parser.parse_args().seeds
    digits = datasets.load("digits")
    images, labels = digits.train.images.float() / 16, digits.train.labels
    batches = list(zip(images.split(256), labels.split(256), strict=True))

    def accuracy(net: nn.Module) -> float:
        with torch.no_grad():
            right = net.eval()(digits.test.images.float() / 16).argmax(1) == digits.test.labels
        return 100 * float(right.float().mean())

    died, left, revived = [], [], []
    dead = back = above = 0
    for seed in range(seeds):
        net = dying(seed)
        with Watch(net, every=50) as watch:
            train(net, images, labels, seed)
        before = rectifiers.diagnose(net, batches)
        if seed == 0:
            print(f"{before}\n\n{watch.history}\n")
        advice = next(finding.swap for finding in before.findings if "dead" in finding.what)
        assert advice is not None
        died.append(accuracy(net))
        alone = copy.deepcopy(net)
        train(alone, images, labels, seed + 1000)
        left.append(accuracy(alone))
        swap(net, advice.to, where=advice.where or "all", example=images[:2])
        train(net, images, labels, seed + 1000)
        revived.append(accuracy(net))
        recovery = compare_diagnoses(before, rectifiers.diagnose(net, batches))
        dead, back, above = dead + recovery.dead_before, back + recovery.back, above + recovery.above
        print(f"seed {seed}: accuracy {died[-1]:.1f} %, {left[-1]:.1f} % trained on, {revived[-1]:.1f} % swapped")
        print(f"  {str(recovery).splitlines()[0]}")
    print(f"{back} of {dead} dead units came back, {above} of them above zero on some data")
    for name, values in (("dying", died), ("trained on", left), ("swapped", revived)):
        summary = summarise(values)
        print(f"{name}: {summary.mean:.2f} % [{summary.low:.2f}, {summary.high:.2f}]")
    gain = compare(dict(enumerate(revived)), dict(enumerate(left)), margin=0.5)
    print(f"swapped - trained on: {gain.difference:+.2f} points [{gain.low:+.2f}, {gain.high:+.2f}], p = {gain.p:.3f}")


if __name__ == "__main__":
    main()
