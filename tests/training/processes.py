"""A function in several processes of this machine, as `torchrun` starts them."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

import torch
import torch.multiprocessing as mp

from rectifiers.training.group import together


def in_processes(count: int, function: Callable[..., object], *arguments: Any) -> None:
    """Call a function of a module in so many processes, which may join; an error in one of them is raised."""
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
    mp.spawn(_call, (count, port, function, arguments), nprocs=count)


def _call(rank: int, count: int, port: int, function: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    os.environ.update(RANK=str(rank), WORLD_SIZE=str(count), MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    function(*arguments)


def in_group(function: Callable[..., object], *arguments: Any) -> None:
    """Call it in a process that has joined the others."""
    with together("cpu"):
        function(*arguments)
