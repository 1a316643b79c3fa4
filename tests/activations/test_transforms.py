"""What PyTorch does to a module: compile, export, ONNX, torch.func."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.func import vmap

from rectifiers.activations import registry
from rectifiers.core.errors import UnsupportedError
from rectifiers.testing.contract import transforms

from .samples import NAMES, build, names, one_of_each, quick_first, sample, spec_of

ONE_OF_EACH_FORMULA = one_of_each(lambda spec: (spec.kind, spec.formula) if spec.parameters else spec.kind)
TWO_TO_COMPILE = names(lambda spec: spec.formula == "two_slopes")[:1] + names(lambda spec: spec.formula == "wave")[:1]


def able(capability: str) -> list[str]:
    return names(lambda spec: capability not in spec.unsupported)


@pytest.mark.parametrize("name", quick_first(ONE_OF_EACH_FORMULA, able("compile")))
def test_compile_without_graph_breaks(name: str) -> None:
    transforms.check_compiled(registry.get(name), "aot_eager")


@pytest.mark.parametrize("name", quick_first(TWO_TO_COMPILE, able("compile")))
def test_compile_with_inductor(name: str) -> None:
    transforms.check_compiled(registry.get(name), "inductor")


@pytest.mark.parametrize("name", names(lambda spec: spec.stochastic and "compile" not in spec.unsupported))
def test_compile_in_training(name: str) -> None:
    module, x = sample(name)
    torch.compiler.reset()
    out = torch.compile(module.train(), fullgraph=True, backend="aot_eager")(x)
    assert not torch.equal(out, module.eval()(x))


@pytest.mark.parametrize("name", names(lambda spec: spec.share == "channel")[:2])
def test_compile_before_the_first_call(name: str) -> None:
    """Shapes are found outside the graph, so the first call may break it; parameters come out as in eager mode."""
    torch.compiler.reset()
    lazy, x = build(name, channels=None), sample(name)[1]
    torch.testing.assert_close(torch.compile(lazy, backend="aot_eager")(x), sample(name)[0](x))


@pytest.mark.parametrize("name", able("export"))
def test_export_with_any_batch_size(name: str) -> None:
    transforms.check_exported(registry.get(name))


@pytest.mark.parametrize("name", quick_first(ONE_OF_EACH_FORMULA, able("onnx")))
def test_onnx_computes_the_same(name: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    transforms.check_onnx(registry.get(name), tmp_path)


@pytest.mark.parametrize("name", able("vmap"))
def test_vmap_over_inputs(name: str) -> None:
    transforms.check_vmap(registry.get(name))


@pytest.mark.parametrize("name", names(lambda spec: spec.stochastic))
def test_vmap_draws_for_each_sample_or_once_for_all(name: str) -> None:
    module, x = sample(name)
    x = -x.abs()
    twice = torch.stack([x, x])
    module.train()
    different, same = vmap(module, randomness="different")(twice), vmap(module, randomness="same")(twice)
    assert not torch.equal(different[0], different[1])
    assert torch.equal(same[0], same[1])


@pytest.mark.parametrize("name", names(lambda spec: spec.parameters and "vmap" not in spec.unsupported))
def test_vmap_over_an_ensemble(name: str) -> None:
    transforms.check_ensemble(registry.get(name))


@pytest.mark.parametrize("name", NAMES)
def test_func_grad_is_autograd(name: str) -> None:
    transforms.check_func_grad(registry.get(name))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
def test_forward_mode_is_reverse_mode(name: str) -> None:
    transforms.check_forward_mode(registry.get(name))


@pytest.mark.parametrize("name", able("vmap"))
def test_gradients_per_sample(name: str) -> None:
    transforms.check_gradients_per_sample(registry.get(name))


MISSING = {
    "vmap": lambda module, x: vmap(module)(x.unsqueeze(0)),
    "compile": lambda module, x: torch.compile(module, fullgraph=True, backend="eager")(x),
    "export": lambda module, x: torch.export.export(module, (x,)),
    "onnx": lambda module, x: torch.onnx.export(module, (x,), dynamo=True, verbose=False),
    "gradgrad": lambda module, x: torch.func.hessian(lambda x: module(x).sum())(x),
}


def test_what_a_function_cannot_do_is_known_and_a_named_error() -> None:
    """At present, there is nothing that one of ours cannot do."""
    lacking = [(name, capability) for name in NAMES for capability in spec_of(name).unsupported]
    assert {capability for _, capability in lacking} <= MISSING.keys()
    for name, capability in lacking:
        with pytest.raises(UnsupportedError, match=name):
            MISSING[capability](*sample(name))


@pytest.mark.parametrize("name", NAMES)
def test_inference_mode_records_nothing_where_gradients_are_enabled_within_it(name: str) -> None:
    module, x = sample(name, dtype=torch.float32)
    module.eval()
    with torch.no_grad():
        expected = module(x)
    for made_there in (False, True):
        with torch.inference_mode(), torch.enable_grad():
            found = module(x.clone() if made_there else x)
        assert torch.equal(found, expected)
        assert not found.requires_grad
