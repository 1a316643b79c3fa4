"""Every kernel against its reference, on a few inputs, before anybody relies on it."""

from __future__ import annotations

import torch

from .formulas import FORMULAS


def mismatches(device: str = "cpu", formula: str | None = None) -> dict[str, str]:
    """What is wrong with which formula's kernel.

    Args:
        device: where to run the kernels.
        formula: name of the only one to look at.
    """
    found: dict[str, str] = {}
    # The first call may happen where somebody intercepts functions, such as a swapped model, or under autocast.
    outside = torch._C.DisableTorchFunction()
    exact = torch.autocast(device, enabled=False)
    # Or where somebody counts or moves what is saved, such as a checkpoint.
    kept = torch.autograd.graph.saved_tensors_hooks(lambda tensor: tensor, lambda tensor: tensor)
    with torch.random.fork_rng(devices=[]), torch.inference_mode(False), torch.no_grad(), outside, exact, kept:
        # Not torch.manual_seed, which seeds the generators of GPUs, too, that nobody sets back.
        torch.default_generator.manual_seed(0)
        for one in FORMULAS:
            if formula not in (None, one.name):
                continue
            for where, error in one.errors(device):
                if not error < one.tolerance(device):
                    found[one.name] = f"the kernel differs from its reference by {error:.1e} at {where}"
    return found
