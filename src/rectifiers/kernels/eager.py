"""When a call can take a kernel: it simply runs, on plain memory."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn.parameter import Parameter

NARROW = frozenset((torch.float16, torch.bfloat16))
"""Dtypes that are computed in float32."""

# Looked up once: these are asked at every call.
is_compiling = torch.compiler.is_compiling
_are_transforms_active = torch._C._are_functorch_transforms_active
_count_dispatch_modes = torch._C._len_torch_dispatch_stack
_tracing_state = torch._C._get_tracing_state
_STRIDED = torch.strided
TYPES = (Tensor, Parameter)
"""What a tensor is that nobody has derived a class from."""
_DTYPES = frozenset((torch.float32, torch.float64, *NARROW))


def is_eager() -> bool:
    """Whether a call simply runs, with nothing that traces, batches or transforms it.

    Whatever does so gets the reference: it can be batched, differentiated forward, exported, and fused with what
    stands around it.
    """
    return not (
        # First, so that the compiler need not understand the others.
        is_compiling()
        or _are_transforms_active()
        or _count_dispatch_modes()
        or _tracing_state()
        or forward_ad._current_level >= 0
    )


def is_plain(tensor: Tensor) -> bool:
    """Whether a tensor is just memory, the processor's or a GPU's, in a dtype that the kernels know."""
    return (
        type(tensor) in TYPES
        and (tensor.is_cpu or tensor.is_cuda)
        and tensor.layout is _STRIDED
        and tensor.dtype in _DTYPES
    )


def records_gradients() -> bool:
    """Whether a call records what its derivative needs, if its inputs have gradients.

    Inference mode records nothing, even if gradients are enabled within it.
    """
    return torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
