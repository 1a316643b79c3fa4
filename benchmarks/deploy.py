"""Which function goes which way out of PyTorch: export, compilers, int8, saving; writes the matrix of docs/deploy.md.

Every cell is a real run: a small convolutional net gets the function by a swap, learns a random step, goes the way, and
its outputs are compared with those of the net itself. `make deploy` installs what the ways need and runs all.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import rectifiers
from rectifiers.activations import registry
from rectifiers.surgery.plan import history

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "deploy.json"
PAGE = HERE.parent / "docs" / "deploy.md"
BEGIN, END = "<!-- matrix:begin -->\n", "<!-- matrix:end -->\n"

TOLERANCE = 1e-4
"""Largest error of a way that does not quantise, in units of the largest output."""

COARSE = 0.1
"""The same of a way that does."""

PACKAGES = ("torch", "torchao", "onnx", "onnxruntime", "executorch", "transformers")


class Net(nn.Module):
    """Two convolutions with ReLUs, and a classifier.

    Args:
        rank: how many dimensions of space its inputs have.
    """

    def __init__(self, rank: int = 2) -> None:
        super().__init__()
        conv = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[rank - 1]
        self.first, self.relu1 = conv(3, 8, 3, padding=1), nn.ReLU()
        self.second, self.relu2 = conv(8, 8, 3, padding=1), nn.ReLU()
        self.classifier = nn.Linear(8, 10)
        self.rank = rank

    def forward(self, x: Tensor) -> Tensor:
        """Ten numbers per sample."""
        x = self.relu2(self.second(self.relu1(self.first(x))))
        return self.classifier(x.flatten(2).mean(2))


def samples(rank: int) -> Tensor:
    """What a net is given."""
    return torch.randn(16, 3, *(8,) * rank, generator=torch.Generator().manual_seed(0))


def make(name: str) -> Net:
    """The net with a function in it, at its published start and a random step away from it."""
    torch.manual_seed(0)
    net = Net(int(name[-2]) if re.fullmatch(r"convrelu\dd", name) else 2)
    # A ConvReLU takes the place of a ReLU and of the convolution after it; after the second there is none.
    where = "first" if name.startswith("convrelu") else "all"
    start = "published" if registry.get(name).spec.relu_start != "none" else None
    rectifiers.swap(net, name, example=samples(net.rank), where=where, start=start)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return net.eval()


def export(net: Net) -> Callable[[Tensor], Any]:
    return torch.export.export(net, (samples(net.rank),)).module()


def onnx(net: Net) -> Callable[[Tensor], Any]:
    return _session(_onnx_file(net))


def aot_inductor(net: Net) -> Callable[[Tensor], Any]:
    program = torch.export.export(net, (samples(net.rank),))
    path = torch._inductor.aoti_compile_and_package(program, package_path=str(_folder() / "net.pt2"))
    return torch._inductor.aoti_load_package(path)  # type: ignore[no-any-return]


def executorch(net: Net) -> Callable[[Tensor], Any]:
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower
    from executorch.runtime import Runtime

    program = to_edge_transform_and_lower(
        torch.export.export(net, (samples(net.rank),)), partitioner=[XnnpackPartitioner()]
    )
    path = _folder() / "net.pte"
    path.write_bytes(program.to_executorch().buffer)
    method = Runtime.get().load_program(path).load_method("forward")
    return lambda x: method.execute([x])[0]


def int8_dynamic(net: Net) -> Callable[[Tensor], Any]:
    with warnings.catch_warnings():
        # It is to be torchao's one day.
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.ao.quantization.quantize_dynamic(net, {nn.Linear}, dtype=torch.qint8)  # type: ignore[no-any-return]


def int8_pt2e(net: Net) -> Callable[[Tensor], Any]:
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
    from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

    quantizer = x86.X86InductorQuantizer()
    quantizer.set_global(x86.get_default_x86_inductor_quantization_config())
    prepared = prepare_pt2e(torch.export.export(net, (samples(net.rank),)).module(), quantizer)
    prepared(samples(net.rank))
    return convert_pt2e(prepared)  # type: ignore[no-any-return]


def int8_onnx(net: Net) -> Callable[[Tensor], Any]:
    from onnxruntime import quantization

    class Calibration(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.rows = iter([{"x": samples(net.rank).numpy()}])

        def get_next(self) -> Any:
            return next(self.rows, None)

    source, target = _onnx_file(net), _folder() / "int8.onnx"
    quantization.quantize_static(source, target, Calibration(), quant_format=quantization.QuantFormat.QDQ)
    return _session(target)


def pretrained(net: Net) -> Callable[[Tensor], Any]:
    import transformers

    import rectifiers.hf  # noqa: F401

    class Config(transformers.PretrainedConfig):  # type: ignore[misc]
        model_type = "small"

    class Model(transformers.PreTrainedModel):  # type: ignore[misc]
        config_class = Config
        forward = Net.forward

        def __init__(self, config: Config) -> None:
            super().__init__(config)
            for name, child in Net(net.rank).named_children():
                self.add_module(name, child)
            self.post_init()

    path, model = _folder(), Model(Config()).eval()
    for plan in history(net):
        plan.apply(model)
    model.load_state_dict(net.state_dict())
    model.save_pretrained(path)
    return Model.from_pretrained(path)  # type: ignore[no-any-return]


def folder(net: Net) -> Callable[[Tensor], Any]:
    path = _folder()
    rectifiers.save(net, path)
    return rectifiers.load(path, Net(net.rank).eval())


WAYS: dict[str, tuple[str, Callable[[Any], Callable[[Tensor], Any]], float]] = {
    "folder": ("`rectifiers.save`", folder, 0.0),
    "pretrained": ("`save_pretrained`", pretrained, 0.0),
    "export": ("`torch.export`", export, TOLERANCE),
    "onnx": ("onnxruntime", onnx, TOLERANCE),
    "aot_inductor": ("AOTInductor", aot_inductor, TOLERANCE),
    "executorch": ("ExecuTorch", executorch, TOLERANCE),
    "int8_dynamic": ("int8, dynamic", int8_dynamic, COARSE),
    "int8_pt2e": ("int8, PT2E", int8_pt2e, COARSE),
    "int8_onnx": ("int8, onnxruntime", int8_onnx, COARSE),
}
"""Title of each way, how a net goes it, and how far its outputs may differ."""

TOGETHER = {"aot_inductor"}
"""Ways that all functions go in one program."""


def error(net: Net, way: str) -> float:
    """The largest error of the outputs at the end of a way, in units of the largest output."""
    x = samples(net.rank)
    with torch.no_grad():
        expected = net(x)
        found = WAYS[way][1](net)(x)
    return distance(found[0] if isinstance(found, list | tuple) else found, expected)


def distance(found: Any, expected: Tensor) -> float:
    """The largest error, in units of the largest output."""
    return float((torch.as_tensor(found) - expected).abs().max() / expected.abs().max())


def try_to_make(name: str) -> Net | str:
    """The net with a function in it, or why there is none."""
    try:
        return make(name)
    except rectifiers.RectifiersError as reason:
        return str(reason)


class Together(nn.Module):
    """Several nets in one, because a compiler takes about as long for all as for each."""

    def __init__(self, nets: list[Net]) -> None:
        super().__init__()
        self.nets, self.rank = nn.ModuleList(nets), nets[0].rank

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """The outputs of all."""
        return tuple(net(x) for net in self.nets)


def measure_together(nets: dict[str, Net], way: str) -> dict[str, float]:
    """The errors of a way by function, where all nets of a rank go it in one program.

    Raises:
        Exception: what a tool raises.
    """
    errors: dict[str, float] = {}
    for rank in sorted({net.rank for net in nets.values()}):
        group, x = {name: net for name, net in nets.items() if net.rank == rank}, samples(rank)
        with torch.no_grad():
            found = WAYS[way][1](Together(list(group.values())).eval())(x)
            errors |= {name: distance(out, net(x)) for out, (name, net) in zip(found, group.items(), strict=True)}
    return errors


def measure(names: list[str], ways: list[str]) -> dict[str, dict[str, Any]]:
    """The error or the reason why there is none, by function and way."""
    found: dict[str, dict[str, Any]] = {}
    nets: dict[str, Net] = {}
    for name in names:
        net = try_to_make(name)
        if isinstance(net, str):
            found[name] = {"reason": net}
            continue
        nets[name], found[name] = net, {}
        for way in (way for way in ways if way not in TOGETHER):
            try:
                found[name][way] = error(net, way)
            except Exception as reason:  # Whatever a tool raises is its answer.
                found[name][way] = f"{type(reason).__name__}: {(str(reason).strip().splitlines() or [''])[0]}"[:200]
            print(name, way, found[name][way], flush=True)
    for way in TOGETHER & {*ways}:
        for name, value in measure_together(nets, way).items():
            found[name][way] = value
            print(name, way, value, flush=True)
    return found


def matrix(facts: dict[str, Any]) -> Iterator[str]:
    """The lines of the table in docs/deploy.md."""
    ways = [way for way in WAYS if any(way in row for row in facts["functions"].values())]
    yield "| | " + " | ".join(WAYS[way][0] for way in ways) + " |\n"
    yield "|:--|" + ":-:|" * len(ways) + "\n"
    reasons: list[str] = []
    for name, row in facts["functions"].items():
        cells = []
        for way in ways:
            value = row.get(way, row.get("reason"))
            if isinstance(value, float) and value <= WAYS[way][2]:
                cells.append("✓" if WAYS[way][2] < COARSE else f"{100 * value:.2g} %")
                continue
            text = f"outputs differ by {100 * value:.2g} %" if isinstance(value, float) else str(value)
            if text not in reasons:
                reasons.append(text)
            cells.append(f"–<sup>{reasons.index(text) + 1}</sup>")
        yield f"| {registry.get(name).spec.title} | " + " | ".join(cells) + " |\n"
    yield "\n" + "".join(f"{place}. {text.replace('<', '&lt;')}\n" for place, text in enumerate(reasons, 1))
    yield f"\nMeasured by `benchmarks/deploy.py` with {facts['versions']}.\n"


def page(text: str, facts: dict[str, Any]) -> str:
    """The page with its matrix written anew."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + "".join(matrix(facts)) + END + rest.split(END)[1]


def _onnx_file(net: Net) -> Path:
    path = _folder() / "net.onnx"
    torch.onnx.export(
        net, (samples(net.rank),), path, dynamo=True, verbose=False, input_names=["x"], external_data=False
    )
    return path


def _session(path: Path) -> Callable[[Tensor], Any]:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {session.get_inputs()[0].name: x.numpy()})


def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="deploy-"))


def _versions() -> str:
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--functions", nargs="*", default=registry.names())
    parser.add_argument("--ways", nargs="*", default=list(WAYS))
    options = parser.parse_args()
    facts = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {"functions": {}}
    for name, row in measure(options.functions, options.ways).items():
        facts["functions"][name] = row if "reason" in row else {**facts["functions"].get(name, {}), **row}
        if row.keys() - {"reason"}:
            facts["functions"][name].pop("reason", None)
    facts["functions"] = dict(sorted(facts["functions"].items()))
    facts["versions"] = _versions()
    RESULTS.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), facts), encoding="utf-8")
