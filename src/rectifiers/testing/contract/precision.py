"""Dtypes: errors against float64, the dtype of the output, autocast, NaN."""

from __future__ import annotations

from copy import deepcopy

import torch

from ..samples import Class, build, demand, inputs, sample, shape

DTYPES = (torch.float32, torch.bfloat16, torch.float16)


def check_error(cls: Class, dtype: torch.dtype) -> None:
    """The error against float64, and the dtype of the output.

    Parameters are in float32 as in mixed-precision training; a convolution has its weights in the input's dtype.
    """
    spec = cls.spec
    module = build(cls, dtype=dtype if spec.kind == "convolution" else torch.float32)
    x = inputs(module, *shape(spec)).to(dtype)
    expected = deepcopy(module).double()(x.double())
    out = module(x)
    demand(out.dtype == dtype, f"{out.dtype} comes out for {dtype}; end with .to(x.dtype)")
    tolerance = spec.tolerance.get(str(dtype).removeprefix("torch."), 4 * torch.finfo(dtype).eps)
    error = float(((out.double() - expected).abs() / (1 + expected.abs())).detach().max())
    demand(error <= tolerance, f"the relative error in {dtype} is {error:.1e}, more than {tolerance:.1e}")


def check_gradient_dtypes(cls: Class, dtype: torch.dtype) -> None:
    """Gradients have the dtypes of what they belong to, and are finite."""
    spec = cls.spec
    module = build(cls, dtype=dtype if spec.kind == "convolution" else torch.float32)
    x = inputs(module, *shape(spec)).to(dtype).requires_grad_()
    module(x).sum().backward()
    demand(x.grad is not None and x.grad.dtype == dtype, f"the input's gradient is not in {dtype}")
    for key, parameter in module.named_parameters():
        grad = parameter.grad
        demand(grad is not None, f"{key} gets no gradient")
        demand(grad.dtype == parameter.dtype, f"the gradient of {key} is in {grad.dtype}, not {parameter.dtype}")
        demand(grad.isfinite().all(), f"the gradient of {key} is not finite in {dtype}")


def check_autocast(cls: Class, given: torch.dtype) -> None:
    """Under autocast the output has the dtype of the input and nearly its value."""
    module = build(cls, dtype=torch.float32)
    x = inputs(module, *shape(module.spec)).to(given)
    expected = module(x.float())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = module(x)
    demand(out.dtype == given, f"{out.dtype} comes out for {given} under autocast")
    torch.testing.assert_close(out.float(), expected, rtol=3e-2, atol=3e-2)


def check_nan(cls: Class) -> None:
    """NaN comes out where it went in, and nowhere else if the function is elementwise."""
    module, x = sample(cls)
    clean = module(x).clone()
    demand(not clean.isnan().any(), "NaN comes out where none went in")
    if module.spec.kind == "elementwise":
        x[0, 1, 2] = torch.nan
        out = module(x).clone()
        demand(out[0, 1, 2].isnan(), "NaN is swallowed")
        out[0, 1, 2] = clean[0, 1, 2]
        torch.testing.assert_close(out, clean)
    else:
        x[(0, 1, *(1 for _ in x.shape[2:]))] = torch.nan
        demand(module(x).isnan().any(), "NaN is swallowed")
