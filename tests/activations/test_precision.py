"""Dtypes: errors against float64, the dtype of the output, autocast, infinities and NaN."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch

from rectifiers.activations import registry
from rectifiers.testing.contract import precision
from rectifiers.testing.contract.precision import DTYPES

from .samples import NAMES, build, names, sample


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_error_against_float64(name: str, dtype: torch.dtype) -> None:
    """Parameters in float32 as in mixed-precision training; a convolution has its weights in the input's dtype."""
    precision.check_error(registry.get(name), dtype)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("name", names(lambda spec: spec.parameters))
def test_gradients_have_the_dtypes_of_what_they_belong_to(name: str, dtype: torch.dtype) -> None:
    precision.check_gradient_dtypes(registry.get(name), dtype)


@pytest.mark.parametrize("name", names(lambda spec: spec.kind != "convolution"))
def test_parameters_in_half_precision(name: str) -> None:
    module, x = sample(name, dtype=torch.bfloat16)
    assert module(x).dtype == torch.bfloat16
    assert module(x.double()).dtype == torch.float64


@pytest.mark.parametrize("given", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_autocast_keeps_the_dtype_of_the_input(name: str, given: torch.dtype) -> None:
    precision.check_autocast(registry.get(name), given)


@pytest.mark.parametrize("name", names(lambda spec: spec.kind == "elementwise"))
def test_nan_stays_where_it_is(name: str) -> None:
    precision.check_nan(registry.get(name))


@pytest.mark.parametrize("name", names(lambda spec: spec.kind != "elementwise"))
def test_nan_reaches_the_output(name: str) -> None:
    precision.check_nan(registry.get(name))


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("name", names(lambda spec: spec.kind == "elementwise"))
def test_infinity_goes_to_the_limit_or_stays_non_finite(name: str, sign: float) -> None:
    module, x = sample(name)
    clean = module(x)
    far = x.clone()
    far[0, 1, 2] = sign * 1e12
    limit = module(far)[0, 1, 2].clone()
    far[0, 1, 2] = sign * torch.inf
    out = module(far).clone()
    if out[0, 1, 2].isfinite():
        torch.testing.assert_close(out[0, 1, 2], limit)
    out[0, 1, 2] = clean[0, 1, 2]
    torch.testing.assert_close(out, clean)


@pytest.mark.parametrize("outlier", [torch.inf, -torch.inf, torch.nan])
@pytest.mark.parametrize("name", names(lambda spec: spec.kind == "elementwise"))
def test_one_bad_element_leaves_the_gradients_of_the_others_alone(name: str, outlier: float) -> None:
    module, x = sample(name)
    x[0, 1, 2] = outlier
    x.requires_grad_()
    module(x).sum().backward()
    assert x.grad is not None
    rest = x.grad.flatten()[x.flatten().isfinite()]
    assert rest.isfinite().all()


@pytest.mark.parametrize("name", names(lambda spec: spec.kind == "elementwise"))
def test_half_precision_survives_its_largest_values(name: str) -> None:
    """Intermediate steps must not overflow where float64, rounded to half precision, does not."""
    module = build(name, 1, dtype=torch.float32)
    x = torch.tensor([-60000.0, -300.0, 300.0, 60000.0], dtype=torch.float16)
    expected = deepcopy(module).double()(x.double()).half()
    torch.testing.assert_close(module(x), expected, rtol=1e-2, atol=1e-3, equal_nan=True)
