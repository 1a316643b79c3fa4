"""Numbers and gradients that the papers state."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rectifiers import create
from rectifiers import functional as R
from rectifiers.kernels import two_slopes


def slopes(out: Tensor, *leaves: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(out.sum(), leaves))


def test_convrelu_of_the_paper() -> None:
    """Section on ConvReLU: input [2, 3, 4], weights [1, −1], thresholds [0, 3.5]."""
    x = torch.tensor([[[2.0, 3.0, 4.0]]])
    out = R.conv_relu1d(x, torch.tensor([[[1.0, -1.0]]]), torch.tensor([[0.0, 3.5]]))
    assert out.tolist() == [[[-1.5, -1.0]]]


def test_arelu_amplifies_by_1_8808_at_beta_2() -> None:
    x = torch.tensor([0.5, 1.0, 7.0], dtype=torch.float64)
    torch.testing.assert_close(create("arelu", beta=2.0, dtype=torch.float64)(x), 1.8808 * x, rtol=1e-5, atol=0)


def test_arelu_is_relu_plus_elsa() -> None:
    x = torch.linspace(-3, 3, 101, dtype=torch.float64)
    torch.testing.assert_close(R.arelu(x, 0.3, 1.5), F.relu(x) + R.elsa(x, 0.3, 1.5))


def test_relu_leaky_relu_and_prelu_amplify_nothing_that_is_activated() -> None:
    """Their slope there is 1, and AReLU's more. SELU, with which its paper compares too, amplifies by 1.05."""
    x = torch.tensor([0.5, 1.0, 7.0], dtype=torch.float64, requires_grad=True)
    for name in ("relu", "leaky_relu", "prelu"):
        assert slopes(create(name, dtype=torch.float64)(x), x)[0].eq(1).all()
    assert slopes(create("arelu", dtype=torch.float64)(x), x)[0].gt(1.8).all()
    assert slopes(create("selu")(x), x)[0].gt(1.05).all()


def test_weight_decay_pushes_alpha_to_zero_and_the_clamp_keeps_the_slope() -> None:
    """Behind the bound α has no gradient, so decay alone moves it, and it does not come back."""
    module: Any = create("arelu", alpha=0.011, dtype=torch.float64)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, weight_decay=1.0)
    x = torch.tensor([-2.0], dtype=torch.float64)
    for _ in range(50):
        optimizer.zero_grad()
        (0.001 * module(x)).sum().backward()  # asks for a larger α
        optimizer.step()
    assert 0 < module.alpha.item() < 1e-4
    assert module.alpha.grad.item() == 0
    torch.testing.assert_close(module(x), 0.01 * x)


@pytest.mark.parametrize("name", ["arelu", "elsa"])
@pytest.mark.parametrize(("start", "slope", "learns"), [(-0.5, 0.01, False), (1.5, 0.99, False), (0.4, 0.4, True)])
def test_alpha_learns_inside_its_clamp_alone(name: str, start: float, slope: float, learns: bool) -> None:
    x = torch.tensor([-2.0, -1.0, 3.0], dtype=torch.float64)
    module: Any = create(name, alpha=start, dtype=torch.float64)
    out = module(x)
    torch.testing.assert_close(out[:2], slope * x[:2])
    (alpha,) = slopes(out, module.alpha)
    assert alpha.item() == pytest.approx(-3.0 if learns else 0.0)


@pytest.mark.parametrize("composite", [False, True], ids=["kernel", "reference"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("name", ["arelu", "elsa"])
@pytest.mark.parametrize(("start", "learns"), [(0.01, True), (0.99, True), (0.009, False), (0.995, False)])
def test_alpha_learns_on_its_bounds_and_not_behind_them(
    name: str, start: float, learns: bool, dtype: torch.dtype, composite: bool
) -> None:
    """The paper detaches the gradient when α < 0.01 or α > 0.99; on the bounds it passes."""
    module: Any = create(name, alpha=start, dtype=dtype)
    x = torch.tensor([-2.0, -1.0, 3.0], dtype=dtype)
    formula = getattr(two_slopes, {"arelu": "amplified", "elsa": "attention"}[name])
    out = formula(x, module.alpha, module.beta) if composite else module(x)
    (alpha,) = slopes(out, module.alpha)
    bound = 0.01 if start < 0.5 else 0.99
    assert alpha.item() == pytest.approx(-3.0 if learns else 0.0)
    torch.testing.assert_close(out[:2], bound * x[:2])


@pytest.mark.parametrize("name", ["arelu", "elsa"])
def test_gradient_of_the_negative_side_is_the_clamped_alpha(name: str) -> None:
    x = torch.tensor([-2.0], dtype=torch.float64, requires_grad=True)
    (slope,) = slopes(create(name, alpha=0.75, dtype=torch.float64)(x), x)
    assert slope.item() == 0.75


def test_beta_learns_from_positive_elements_through_the_sigmoid() -> None:
    x = torch.tensor([-2.0, 3.0], dtype=torch.float64)
    module: Any = create("arelu", beta=2.0, dtype=torch.float64)
    sigma = torch.sigmoid(torch.tensor(2.0, dtype=torch.float64))
    (beta,) = slopes(module(x), module.beta)
    torch.testing.assert_close(beta, (3.0 * sigma * (1 - sigma)).reshape(1))


def test_adarelu_gives_the_whole_gradient_to_the_threshold_at_a_tie() -> None:
    """Equation 6: 1 where x ≤ θ, 0 where x > θ."""
    x = torch.tensor([0.5, 1.0, 1.5], requires_grad=True)
    theta = torch.tensor([1.0, 1.0, 1.0], requires_grad=True)
    out = R.adarelu(x, theta, channel_dim=0)
    assert out.tolist() == [1.0, 1.0, 1.5]
    to_x, to_theta = slopes(out, x, theta)
    assert to_theta.tolist() == [1.0, 1.0, 0.0]
    assert to_x.tolist() == [0.0, 0.0, 1.0]


def test_convrelu_gives_the_whole_gradient_to_the_threshold_at_a_tie() -> None:
    x = torch.tensor([[[1.0, 2.0]]], requires_grad=True)
    threshold = torch.tensor([[1.0, 1.0]], requires_grad=True)
    weight = torch.tensor([[[10.0, 100.0]]])
    to_x, to_threshold = slopes(R.conv_relu1d(x, weight, threshold), x, threshold)
    assert to_threshold.tolist() == [[10.0, 0.0]]
    assert to_x.tolist() == [[[0.0, 100.0]]]


def test_relu_has_no_gradient_at_zero() -> None:
    """AdaReLU at θ = 0 and ReLU agree in their gradients too, zero included."""
    x = torch.tensor([-1.0, 0.0, 1.0], requires_grad=True)
    expected = slopes(F.relu(x), x)[0]
    assert torch.equal(slopes(R.relu(x), x)[0], expected)
    assert torch.equal(slopes(R.adarelu(x, 0.0), x)[0], expected)


def test_pvlu_and_its_gradients() -> None:
    """f = max(0, x) + α·sin βx; ∂α = sin βx; ∂β = αx·cos βx; f' = 1[x > 0] + αβ·cos βx."""
    x = torch.tensor([-1.3, 0.7], dtype=torch.float64, requires_grad=True)
    alpha = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    beta = torch.tensor(1.5, dtype=torch.float64, requires_grad=True)
    out = R.pvlu(x, alpha, beta)
    torch.testing.assert_close(out, x.clamp(min=0) + alpha * torch.sin(beta * x))
    to_x, to_alpha, to_beta = slopes(out, x, alpha, beta)
    torch.testing.assert_close(to_x, (x > 0) + alpha * beta * torch.cos(beta * x))
    torch.testing.assert_close(to_alpha, torch.sin(beta * x).sum())
    torch.testing.assert_close(to_beta, (alpha * x * torch.cos(beta * x)).sum())


def test_pvlu_at_alpha_zero_is_relu_and_alpha_can_learn() -> None:
    x = torch.tensor([-1.3, 0.7], dtype=torch.float64)
    module: Any = create("pvlu", relu_like=True, share="layer", dtype=torch.float64)
    out = module(x)
    assert torch.equal(out, F.relu(x))
    to_alpha, to_beta = slopes(out, module.alpha, module.beta)
    assert to_alpha.item() != 0
    assert to_beta.item() == 0


def test_vlu_is_pvlu_untrained() -> None:
    x = torch.linspace(-3, 3, 11, dtype=torch.float64)
    torch.testing.assert_close(R.vlu(x, 0.3, 1.2), R.pvlu(x, 0.3, 1.2))
    assert not list(create("vlu").parameters())


def test_vlu_has_gradients_where_relu_has_none() -> None:
    x = torch.linspace(-30, 0, 1001, dtype=torch.float64)[:-1].requires_grad_()
    assert slopes(F.relu(x), x)[0].eq(0).all()
    assert slopes(R.pvlu(x, 0.0, 1.0), x)[0].eq(0).all()
    falls_and_rises = slopes(R.vlu(x, 0.3, 1.2), x)[0]
    assert falls_and_rises.ne(0).all()
    turning = torch.tensor([-0.5 * torch.pi / 1.2], dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(slopes(R.vlu(turning, 0.3, 1.2), turning)[0], torch.zeros(1, dtype=torch.float64))


def test_sinerelu_epsilon_is_0_0025() -> None:
    x = torch.tensor([-2.0, -0.5, 1.5], dtype=torch.float64)
    negative = 0.0025 * (torch.sin(x[:2]) - torch.cos(x[:2]))
    torch.testing.assert_close(create("sinerelu")(x), torch.cat([negative, x[2:]]))


def test_crelu_and_avr_of_one_vector() -> None:
    x = torch.tensor([[1.0, -2.0]])
    assert R.crelu(x).tolist() == [[1.0, 0.0, 0.0, 2.0]]
    leaky = R.crelu(x, negative_slope=0.5)
    assert leaky.tolist() == [[1.0, -1.0, -0.5, 2.0]]
    assert torch.equal(create("crelu", negative_slope=0.5)(x), leaky)
    assert R.avr(x).tolist() == [[1.0, 2.0]]


COUNTS_OF_ARELU_TABLE = {"arelu": 2, "prelu": 1, "comb_arelu": 1, "apl_arelu": 2, "slaf_arelu": 2, "pau_arelu": 10}


@pytest.mark.parametrize(("name", "count"), COUNTS_OF_ARELU_TABLE.items())
def test_parameters_per_layer_of_arelus_tables(name: str, count: int) -> None:
    module = create(name)
    assert sum(parameter.numel() for parameter in module.parameters()) == count


def test_functions_of_arelus_tables_at_their_start() -> None:
    """The forms that the authors' comparison used, with the starting values of its code."""
    x = torch.tensor([-1.5, -0.25, 0.0, 0.4, 2.0], dtype=torch.float64)
    relu = F.relu(x)
    powers = torch.stack([x**i for i in range(6)])
    a = torch.tensor([0.0335583603, 0.505000375, 1.65343934, 2.01001052, 0.931901999, 0.152424124], dtype=torch.float64)
    b = torch.tensor([3.30847488e-6, 3.98021568, 5.12471206e-7, 0.301830109], dtype=torch.float64)
    expected = {
        "apl_arelu": relu + 0.2 * F.relu(-x + 0.5),
        "comb_arelu": relu,
        "slaf_arelu": 1 + x,
        "maxout_arelu": x,
        "pau_arelu": (a @ powers) / (1 + b @ powers[1:5].abs()),
        "gelu_tanh": F.gelu(x, approximate="tanh"),
        "swish": x * torch.sigmoid(x),
        "prelu": torch.where(x >= 0, x, 0.25 * x),
        "leaky_relu": torch.where(x >= 0, x, 0.01 * x),
    }
    for name, value in expected.items():
        module = create(name, dtype=torch.float64)
        found = module(x.reshape(5, 1)).reshape(5) if name == "maxout_arelu" else module(x)
        torch.testing.assert_close(found, value, msg=lambda text, name=name: f"{name}: {text}")


TORCHS_OWN = {
    "celu": nn.CELU(),
    "elu": nn.ELU(),
    "gelu": nn.GELU(),
    "gelu_tanh": nn.GELU("tanh"),
    "leaky_relu": nn.LeakyReLU(),
    "prelu": nn.PReLU(dtype=torch.float64),
    "relu": nn.ReLU(),
    "relu6": nn.ReLU6(),
    "rrelu": nn.RReLU().eval(),
    "selu": nn.SELU(),
    "sigmoid": nn.Sigmoid(),
    "softplus": nn.Softplus(),
    "swish": nn.SiLU(),
    "tanh": nn.Tanh(),
}


@pytest.mark.parametrize("name", TORCHS_OWN)
def test_functions_that_torch_has_agree_with_it(name: str) -> None:
    x = torch.linspace(-8, 8, 401, dtype=torch.float64)
    torch.testing.assert_close(create(name).eval()(x), TORCHS_OWN[name](x), check_dtype=True)


def test_rrelu_draws_slopes_between_one_eighth_and_one_third() -> None:
    module = create("rrelu")
    x = -torch.ones(10_000)
    slope = -module(x)
    assert slope.min() >= 1 / 8
    assert slope.max() <= 1 / 3
    assert abs(slope.mean() - (1 / 8 + 1 / 3) / 2) < 0.002
    torch.manual_seed(3)
    first = module(x)
    torch.manual_seed(3)
    assert torch.equal(first, module(x))
    assert not torch.equal(first, module(x))


def test_polynorm_is_that_of_the_authors_code() -> None:
    """Their module, with the weights from the third power down, a bias, and ε = 10⁻⁶, over the last dimension."""

    def norm(x: Tensor) -> Tensor:
        return x / torch.sqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)

    x = 2 * torch.randn(3, 5, 7, dtype=torch.float64)
    weight, bias = torch.randn(3, dtype=torch.float64), torch.randn(1, dtype=torch.float64)
    theirs = weight[0] * norm(x**3) + weight[1] * norm(x**2) + weight[2] * norm(x) + bias
    ours = R.poly_norm(x, torch.cat((bias, weight.flip(0))), channel_dim=-1)
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_polynomial_compositions_of_any_order(order: int) -> None:
    x, a = 2 * torch.randn(3, 5, dtype=torch.float64), torch.randn(order + 1, dtype=torch.float64)
    powers = [x**k for k in range(1, order + 1)]
    normed = [power / (power.square().mean(1, keepdim=True) + 1e-6).sqrt() for power in powers]
    torch.testing.assert_close(R.poly_norm(x, a), a[0] + torch.tensordot(a[1:], torch.stack(normed), 1))
    above = torch.stack([x.relu() ** k for k in range(order + 1)])
    torch.testing.assert_close(R.poly_relu(x, a), torch.tensordot(a, above, 1))
