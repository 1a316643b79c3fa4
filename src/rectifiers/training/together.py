"""Several networks that differ in their numbers alone, trained as one computation.

A small network is so soon computed that most of the time goes into calling PyTorch. Of thirty that have the same
layers, each with weights, data and targets of its own, one call computes a layer of all (`torch.func.vmap`). The bits
of each depend on how many there are and on its place among them, but not on what the others hold.

Shapes: S networks, N examples of each, K outputs.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from ..core.errors import UnsupportedError
from .batches import Batches
from .metrics import Epoch, Scores
from .tasks import Task

CHUNK = 64
"""Batches that are gathered at a time."""


class Together:
    """Networks as one, whose parameters have a first dimension more: that of the networks.

    Args:
        nets: networks with the same layers, which differ in their parameters alone.

    Raises:
        UnsupportedError: they have normalisation with running statistics, or buffers that differ.

    Attributes:
        model: a network whose parameters are those of all; for an optimizer.

    Example:
        >>> nets = [nn.Linear(1, 1, bias=False) for _ in range(3)]
        >>> for number, net in enumerate(nets):
        ...     _ = net.weight.data.fill_(number)
        >>> Together(nets)(torch.full((3, 2, 1), 5.0)).flatten().tolist()
        [0.0, 0.0, 5.0, 5.0, 10.0, 10.0]
    """

    def __init__(self, nets: Sequence[nn.Module]) -> None:
        self.nets = nets
        self.model = copy.deepcopy(nets[0])
        for module in self.model.modules():
            if getattr(module, "track_running_stats", False):
                raise UnsupportedError(
                    f"{type(module).__name__} keeps statistics of its batches, which several networks that are one "
                    "computation cannot; leave `together` out, or take layer normalisation"
                )
        for name, buffer in self.model.named_buffers():
            if not all(torch.equal(buffer, net.get_buffer(name)) for net in nets):
                raise UnsupportedError(
                    f"the networks differ in {name}, a buffer, of which several networks that are one computation "
                    "have one; leave `together` out"
                )
        for name, parameter in list(self.model.named_parameters()):
            of_all = torch.stack([net.get_parameter(name).detach() for net in nets])
            holder, _, own = name.rpartition(".")
            stacked = nn.Parameter(of_all.contiguous(), requires_grad=parameter.requires_grad)
            setattr(self.model.get_submodule(holder), own, stacked)

    def __len__(self) -> int:
        return len(self.nets)

    def __call__(self, inputs: Tensor) -> Tensor:
        """Compute the outputs of each network, S×N×K, for inputs of its own, S×N×….

        Raises:
            UnsupportedError: a network draws random numbers, as dropout and RReLU do in training.
        """
        parameters: dict[str, Tensor] = dict(self.model.named_parameters())

        def one(parameters: dict[str, Tensor], inputs: Tensor) -> Tensor:
            outputs: Tensor = functional_call(self.model, parameters, (inputs,))
            return outputs

        try:
            outputs: Tensor = vmap(one)(parameters, inputs)
        except RuntimeError as error:
            if "randomness" not in str(error):
                raise
            raise UnsupportedError(
                f"{type(self.model).__name__} draws random numbers, which networks that are one computation cannot do "
                "each from a stream of its own; leave `together` out"
            ) from error
        return outputs

    @torch.no_grad()
    def take_out(self, place: int) -> nn.Module:
        """Give one of the networks as a module of its own, with the parameters that it has now."""
        net = self.nets[place]
        for name, parameter in self.model.named_parameters():
            net.get_parameter(name).copy_(parameter[place])
        return net

    @torch.no_grad()
    def put_back(self, place: int) -> None:
        """Take over the parameters of a network that was taken out and changed."""
        for name, parameter in self.model.named_parameters():
            parameter[place].copy_(self.nets[place].get_parameter(name))


def fit_together(
    together: Together,
    optimizer: torch.optim.Optimizer,
    *,
    train: Sequence[Batches],
    test: Sequence[Iterable[tuple[Tensor, Tensor]]],
    size: int,
    epochs: int,
    task: Task,
    factor: Callable[[float], float] = lambda epoch: 1.0,
    on_step: Callable[[int], None] = lambda step: None,
) -> Iterator[list[Epoch | None]]:
    """Train several networks, and yield the measurements of each epoch as it ends, as `fit` does for one.

    Args:
        together: the networks.
        optimizer: over the parameters of `together.model`, element by element.
        train: for each network what it learns, as batches of `CHUNK` times `size`; reshuffled each epoch.
        test: for each network what is evaluated after each epoch.
        size: examples of a batch.
        epochs: how many passes.
        task: what is learned.
        factor: learning-rate factor at a time counted in epochs; asked in the middle of each step.
        on_step: called with the number of steps done, before the first and after each.

    Yields:
        For each network its epoch; None from that on in which its loss left the finite numbers.
    """
    rates = [group["lr"] for group in optimizer.param_groups]
    steps = -(-len(train[0].targets) // size)
    alive = torch.ones(len(together), dtype=torch.bool)
    on_step(0)
    for epoch in range(epochs):
        together.model.train()
        start = time.perf_counter()
        answers, targets, losses = [], [], []
        for step, (inputs, wanted) in enumerate(_batches(train, epoch, size)):
            scale = factor(epoch + (step + 0.5) / steps)
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * scale
            optimizer.zero_grad(set_to_none=True)
            outputs = together(inputs)
            loss = task.losses(outputs, wanted)
            loss.sum().backward()
            optimizer.step()
            answers.append(outputs.detach())
            targets.append(wanted)
            losses.append(loss.detach() * wanted.shape[1])
            on_step(epoch * steps + step + 1)
        seconds = time.perf_counter() - start
        means = torch.stack(losses).double().sum(0) / sum(wanted.shape[1] for wanted in targets)
        alive &= means.isfinite()
        outputs, wanted = torch.cat(answers, 1), torch.cat(targets, 1)
        start = time.perf_counter()
        tested = evaluate_together(together, task, test)
        tested_seconds = time.perf_counter() - start
        yield [
            Epoch(
                epoch=epoch + 1,
                lr=optimizer.param_groups[0]["lr"],
                train_loss=float(means[place]),
                train_accuracy=task.score(task.tally(outputs[place], wanted[place])),
                train_seconds=seconds / len(together),
                test_loss=tested[place].loss,
                test_accuracy=tested[place].score,
                test_top5=tested[place].top5,
                test_seconds=tested_seconds / len(together),
            )
            if alive[place]
            else None
            for place in range(len(together))
        ]


@torch.no_grad()
def evaluate_together(
    together: Together, task: Task, batches: Sequence[Iterable[tuple[Tensor, Tensor]]]
) -> list[Scores]:
    """Measure each network on batches of its own, in evaluation mode.

    Raises:
        UnsupportedError: they have different numbers of examples.
    """
    together.model.eval()
    answers, targets = [], []
    for inputs, wanted in _stacked(batches):
        answers.append(together(inputs))
        targets.append(wanted)
    of_all, wanted = torch.cat(answers, 1), torch.cat(targets, 1)
    # What a task makes of answers it makes of networks; of the answers themselves, the network is the identity.
    return [task.evaluate([nn.Identity()], [pair]) for pair in zip(of_all, wanted, strict=True)]


def _batches(train: Sequence[Batches], epoch: int, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches of an epoch, each of all networks."""
    for inputs, targets in _stacked([batches.epoch(epoch) for batches in train]):
        yield from zip(inputs.split(size, 1), targets.split(size, 1), strict=True)


def _stacked(batches: Sequence[Iterable[tuple[Tensor, Tensor]]]) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches of several, stacked."""
    for several in zip(*batches, strict=True):
        inputs, targets = zip(*several, strict=True)
        if len({len(one) for one in targets}) > 1:
            raise UnsupportedError(
                f"networks that are one computation need batches of one size, got {[len(one) for one in targets]}; "
                "leave `together` out"
            )
        yield torch.stack(inputs), torch.stack(targets)
