"""What data and augmentation cost beside a training step, and how fast texts are encoded.

    python benchmarks/input_pipeline.py [--threads 2] [--steps 5] [--rounds 5]

Images: a batch of 128 of CIFAR's size, gathered from 50,000, cropped, flipped and normalised, beside a training step of
ResNet-18 for 32×32 (forward, backward, SGD), in one process. Batches and steps alternate, so that a machine that slows
down slows both; the median of each and their ratio are printed. Texts: rows as AG's News has them, from bytes of the
file to codes, and the look-up of codes alone; and a batch of one-hot rows.

Before anything is timed, its results are compared with torchvision's crop, flip and normalisation, and with an encoding
character by character.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from itertools import islice

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.transforms import functional as TF

from rectifiers import networks
from rectifiers.datasets import Split
from rectifiers.datasets.characters import ALPHABET, OneHot, encode
from rectifiers.datasets.text_rows import rows
from rectifiers.datasets.texts import Texts
from rectifiers.training.augmentation import Augmentation
from rectifiers.training.batches import Batches

BATCH = 128
IMAGES = 50_000
AUGMENT = Augmentation(("crop:4", "flip"))
SENTENCE = 'Oil prices rose 2% on Monday, said ""those who know"" (Reuters) - see www.example.com/a_b. '


def check_images(batches: Batches, split: Split) -> None:
    """Compare a batch with torchvision's transforms, image by image."""
    sample = split.images[:BATCH]
    draws = AUGMENT.draws(0, 0)
    crop, flip = (t.draw(tuple(sample.shape), draws[t]) for t in AUGMENT.transforms)
    ours = batches.normalise(AUGMENT(sample, AUGMENT.draws(0, 0)))
    mean, std = batches.normalise.mean, batches.normalise.std
    for image, (top, left), mirrored, found in zip(sample, crop.tolist(), flip.tolist(), ours, strict=True):
        cropped = TF.crop(TF.pad(image, [4]), top, left, 32, 32)
        expected = TF.normalize((TF.hflip(cropped) if mirrored else cropped) / 255, mean, std)
        torch.testing.assert_close(found, expected)


def check_texts(texts: Texts, content: list[str]) -> None:
    """Compare a few texts with an encoding character by character."""
    batch = OneHot()(texts.take(slice(0, len(content))))
    for found, text in zip(batch, content, strict=True):
        letters = [ALPHABET.find(character) for character in reversed(text.lower())]
        expected = torch.zeros(len(ALPHABET), texts.length)
        for place, letter in enumerate(letters[: texts.length]):
            if letter >= 0:
                expected[letter, place] = 1
        assert torch.equal(found, expected)


def seconds(call: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    start = clock()
    call()
    return clock() - start


def images(steps: int, rounds: int) -> None:
    generator = torch.Generator().manual_seed(0)
    split = Split(
        torch.randint(256, (IMAGES, 3, 32, 32), generator=generator, dtype=torch.uint8),
        torch.randint(10, (IMAGES,), generator=generator),
    )
    batches = Batches(split, BATCH, normalise=split.numbers("standard", channels_last=True), augment=AUGMENT)
    check_images(batches, split)
    net = networks.create("resnet-18", lambda channels: nn.ReLU(inplace=True), shape=split.shape, classes=10)
    net = net.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)

    def step(images: Tensor, labels: Tensor) -> None:
        loss = F.cross_entropy(net(images), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    step(*next(batches.epoch(0)))
    inputs, trainings = [], []
    for epoch in range(rounds):
        # The first batch of an epoch pays for its order.
        stream = batches.epoch(epoch)
        fetched: list[tuple[Tensor, Tensor]] = []
        for _ in range(steps):
            inputs.append(seconds(lambda: fetched.extend(islice(stream, 1))))  # noqa: B023 - called at once
            trainings.append(seconds(lambda: step(*fetched.pop())))  # noqa: B023
    batch, training = statistics.median(inputs), statistics.median(trainings)
    print(f"batch of {BATCH}: gather, {AUGMENT}, normalise   {1e3 * batch:8.2f} ms")
    print(f"training step of ResNet-18, 32×32           {1e3 * training:8.2f} ms")
    print(f"share                                       {100 * batch / training:8.2f} %   (goal: under 5 %)")


def texts(rounds: int) -> None:
    stories = [f"Story {number} " + SENTENCE * 3 for number in range(100_000)]
    quoted = (story.replace('"', '""') for story in stories)
    content = "".join(f'"{number % 4 + 1}","{story}"\n' for number, story in enumerate(quoted)).encode()
    encoded = Texts.read(rows(content, "benchmark", 4), "benchmark")
    check_texts(encoded.part(torch.arange(len(encoded)) < 5), stories[:5])

    def file_to_codes() -> None:
        Texts.read(rows(content, "benchmark", 4), "benchmark")

    def batch() -> None:
        OneHot()(encoded.take(torch.randint(len(encoded), (BATCH,))))

    whole, table, one_hot = (
        statistics.median(seconds(call) for _ in range(rounds))
        for call in (file_to_codes, lambda: encode(content), batch)
    )
    # One thread does it, so its processor's time is what a machine with nothing else to do would take.
    alone = statistics.median(seconds(file_to_codes, time.process_time) for _ in range(rounds))
    megabytes = len(content) / 1e6
    print(f"texts from bytes of a file to codes         {megabytes / whole:8.0f} MB/s   (goal: 50 MB/s)")
    print(f"  by the processor's time                   {megabytes / alone:8.0f} MB/s")
    print(f"codes of bytes alone                        {megabytes / table:8.0f} MB/s")
    print(f"batch of {BATCH}: one-hot rows, {len(ALPHABET)}×{encoded.length}        {1e3 * one_hot:8.2f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2, help="threads of PyTorch")
    parser.add_argument("--steps", type=int, default=5, help="training steps per round")
    parser.add_argument("--rounds", type=int, default=5, help="rounds")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    print(f"{arguments.threads} threads; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    images(arguments.steps, arguments.rounds)
    print()
    texts(arguments.rounds)


if __name__ == "__main__":
    main()
