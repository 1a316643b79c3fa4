"""Swaps in every classification model of torchvision and in architectures of timm: swap, train, revert.

    python benchmarks/surgery_zoo.py [--only PATTERN] [--again]

Each model gets random weights and the smallest images that it takes. Functions that can equal ReLU must keep its
outputs bit by bit, and ConvReLU must keep them up to the order of summation. Training must reach the new parameters.
Reverting must give back the very same modules, and with the weights from before also the same outputs.

Results are kept model by model in `results/surgery_zoo.json`, so that it can be interrupted and started again;
`--again` repeats models with results. The page `docs/surgery-zoo.md` is written from the results. All of it takes
about half an hour.
"""

from __future__ import annotations

import argparse
import collections
import copy
import fnmatch
import gc
import json
import platform
import re
import resource
import statistics
import time
import traceback
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import timm
import torch
import torchvision
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from rectifiers.core.elementwise import Elementwise
from rectifiers.core.files import write_whole
from rectifiers.surgery import NothingToSwapError, find_sites, plan_swap, swap
from rectifiers.surgery.planning.planned import Left

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "surgery_zoo.json"
PAGE = HERE.parent / "docs" / "surgery-zoo.md"

EXACT = ("pvlu", "adarelu", "prelu", "comb", "apl")
SIZES = (64, 96, 128, 160, 224, 240, 256, 299, 384)
SUMMATION = 1e-5
"""The largest difference that another order of summation may make in float32, in units of the largest output."""

TIMM = {
    "ResNet": "resnet14t resnet18 resnet18d resnet26d resnet50 resnet101 resnetaa50 resnetv2_50 wide_resnet50_2",
    "ResNeXt": "resnext50_32x4d resnext50d_32x4d resnext101_32x4d",
    "SE, SK, ECA and other attention": "seresnet18 seresnet50 seresnext26d_32x4d legacy_seresnet18 "
    "legacy_seresnext26_32x4d skresnet18 ecaresnetlight resnest14d gcresnet50t lambda_resnet26t halonet26t "
    "botnet26t_256",
    "DenseNet": "densenet121 densenet169 densenetblur121d",
    "VGG": "vgg11 vgg11_bn vgg16_bn",
    "Inception, Xception": "inception_v3 inception_v4 inception_resnet_v2 legacy_xception xception41 xception41p",
    "MobileNet v2": "mobilenetv2_035 mobilenetv2_100 mobilenetv2_110d",
    "MobileNet v3, v4": "mobilenetv3_small_050 mobilenetv3_large_100 mobilenetv4_conv_small",
    "EfficientNet-lite and kin": "efficientnet_lite0 efficientnet_lite1 tf_efficientnet_lite0 mnasnet_050 "
    "semnasnet_050 spnasnet_100 fbnetc_100 hardcorenas_a lcnet_050",
    "GhostNet": "ghostnet_050 ghostnetv2_100 ghostnetv3_050 repghostnet_050",
    "RegNet": "regnetx_002 regnetx_016 regnety_002 regnetv_040",
    "Res2Net": "res2net50_14w_8s res2net50d res2next50",
    "DPN": "dpn48b dpn68 dpn68b",
    "DLA": "dla34 dla46_c dla60_res2net",
    "HRNet": "hrnet_w18_small hrnet_w18_small_v2",
    "NFNet": "nf_resnet26 nf_resnet50 nf_regnet_b0 dm_nfnet_f0 eca_nfnet_l0",
    "NASNet": "nasnetalarge pnasnet5large",
    "VoVNet, SelecSLS, RepVGG and others": "vovnet39a ese_vovnet19b_slim selecsls42 repvgg_a0 mobileone_s0 gernet_s "
    "tresnet_m cspresnet50 hgnet_tiny hgnetv2_b0 starnet_s050 efficientvit_m0 shvit_s1 visformer_tiny",
    "ConvNeXt": "convnext_atto inception_next_atto",
    "ViT": "vit_tiny_patch16_224 vit_small_r26_s32_224 deit_tiny_patch16_224 swin_tiny_patch4_window7_224 "
    "mixer_s32_224 levit_128s",
}


@dataclass
class Result:
    """What happened to one model.

    Args:
        model: library and name.
        family: heading on the page.
        size: height and width of the images.
        sites: how many sites of each kind there are.
        exact: whether the outputs kept their bits, for each function that can equal ReLU.
        parameters: how many parameters PVLU added.
        folded: how many ReLUs moved into convolutions.
        left: how many ReLUs stayed for each reason.
        apart: largest difference after folding, in units of the largest output.
        seconds: processor time that planning and applying PVLU took.
        failure: which step failed and why; empty if none did.
    """

    model: str
    family: str
    size: int = 0
    sites: dict[str, int] = field(default_factory=dict)
    exact: dict[str, bool] = field(default_factory=dict)
    parameters: int = 0
    folded: int = 0
    left: dict[str, int] = field(default_factory=dict)
    apart: float = 0.0
    seconds: float = 0.0
    failure: str = ""

    @property
    def rectified(self) -> bool:
        """Whether it has a ReLU to replace."""
        return bool(self.sites.keys() & {"relu", "relu6"})


class StepError(Exception):
    """A model that is not what it should be after a step."""


def names() -> Iterator[tuple[str, str]]:
    """Iterate over the models: library and name, and the family."""
    for name in torchvision.models.list_models(module=torchvision.models):
        yield f"torchvision/{name}", "torchvision"
    for family, models in TIMM.items():
        for name in models.split():
            yield f"timm/{name}", f"timm: {family}"


def build(model: str) -> nn.Module:
    """Build a model with random weights, which are the same in every call."""
    torch.manual_seed(0)
    library, name = model.split("/")
    if library == "timm":
        return timm.create_model(name, pretrained=False)
    extra = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    return torchvision.models.get_model(name, weights=None, **extra)


def outputs(model: nn.Module, x: Tensor) -> list[Tensor]:
    """Return all tensors that a model returns in evaluation mode."""
    with torch.no_grad():
        return [leaf for leaf in tree_leaves(model.eval()(x)) if isinstance(leaf, Tensor)]


def smallest(model: nn.Module) -> Tensor:
    """Return two images of the smallest size that a model takes in evaluation and in training mode."""
    failure: Exception = StepError("no size")
    for size in SIZES:
        x = torch.randn(2, 3, size, size)
        try:
            with torch.no_grad():
                for mode in (True, False):
                    model.train(mode)(x)
        except Exception as error:
            failure = error
        else:
            return x
    raise failure


def structure(model: nn.Module) -> list[tuple[str, type, int]]:
    """List all modules and parameters under all their names, by identity."""
    modules = [(name, type(module), id(module)) for name, module in model.named_modules(remove_duplicate=False)]
    return modules + [(name, type(p), id(p)) for name, p in model.named_parameters(remove_duplicate=False)]


def train(model: nn.Module, x: Tensor, optimizer: torch.optim.Optimizer) -> bool:
    """Do one step of training, and return whether any parameter of an activation had a gradient other than zero.

    Raises:
        StepError: a parameter of an activation had no gradient, or one that is not finite.
    """
    model.train()
    made = [leaf for leaf in tree_leaves(model(x)) if isinstance(leaf, Tensor)]
    sum(leaf.square().mean() for leaf in made).backward()
    shaping = [
        (f"{name}.{key}", parameter)
        for name, module in model.named_modules()
        if isinstance(module, Elementwise)
        for key, parameter in module.named_parameters()
    ]
    missing = [name for name, parameter in shaping if parameter.grad is None]
    if missing:
        raise StepError(f"{len(missing)} of {len(shaping)} activation parameters have no gradient: {missing[0]}, …")
    if not all(parameter.grad.isfinite().all() for _, parameter in shaping):
        raise StepError("gradients of activation parameters are not finite")
    moved = any(parameter.grad.any() for _, parameter in shaping)
    optimizer.step()
    optimizer.zero_grad()
    return moved


def operate(result: Result) -> None:
    """Go through all steps with one model, and write into `result` what is known, also if a step fails."""
    model = build(result.model)
    x = smallest(model)
    result.size = x.shape[-1]
    model.eval()
    kinds = collections.Counter(site.kind for site in find_sites(model, x))
    result.sites = dict(kinds.most_common())
    if not result.rectified:
        return
    before, parts = outputs(model, x), structure(model)
    saved = copy.deepcopy(model.state_dict())

    start = time.process_time()
    applied = plan_swap(model, "pvlu", example=x).apply(model)
    result.seconds = time.process_time() - start
    result.parameters = applied.plan.parameters
    applied.revert()

    for name in EXACT:
        report = swap(model, name, example=x)
        result.exact[name] = report.check is not None and report.check.identical
        report.revert()
    if not all(result.exact.values()):
        raise StepError(f"outputs changed with {', '.join(name for name, same in result.exact.items() if not same)}")

    try:
        folded = swap(model, "convrelu", example=x)
    except NothingToSwapError:
        result.left = reasons(plan_swap(model, "convrelu", example=x).left)
    else:
        result.folded, result.left = len(folded.plan.changes), reasons(folded.plan.left)
        result.apart = folded.check.difference
        folded.revert()
        if not result.apart <= SUMMATION:
            raise StepError(f"ConvReLU changed the outputs by {result.apart:.2g}")

    report = swap(model, "pvlu", example=x)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6)
    # A residual branch whose last scale starts at zero passes gradients from the second step on.
    if not (train(model, x, optimizer) or train(model, x, optimizer)):
        raise StepError("all gradients of activation parameters are zero")
    report.revert()
    model.eval()
    if structure(model) != parts or [*model.state_dict()] != [*saved]:
        raise StepError("reverting left another structure")
    model.load_state_dict(saved)
    if not all(map(torch.equal, before, outputs(model, x))):
        raise StepError("outputs differ after reverting")


def reasons(left: Iterable[Left]) -> dict[str, int]:
    """Count the sites that stay for each reason, worded without names of layers."""
    counts = collections.Counter(
        re.sub(r"^\S+ \((\w+)\)| in \S+(?: model)?(?= reads)", r"\1", entry.reason) for entry in left
    )
    return dict(counts.most_common())


def examine(model: str, family: str) -> Result:
    """Go through all steps with one model, and return the result whatever happens."""
    result = Result(model, family)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            operate(result)
    except Exception as error:
        at = (
            ""
            if isinstance(error, StepError)
            else f" ({Path(traceback.extract_tb(error.__traceback__)[-1].filename).name})"
        )
        result.failure = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}{at}"
    gc.collect()
    return result


@dataclass
class Cost:
    """What planning and applying cost on ResNet-152 with one image of 224 by 224 pixels.

    Args:
        seconds: processor time of a forward pass alone, of planning and of applying: medians of three rounds.
        mebibytes: by how much planning and applying raise the peak memory of forward passes.
    """

    seconds: dict[str, float]
    mebibytes: float


def measure() -> Cost:
    """Measure time and memory of putting PVLU into ResNet-152."""
    model, x = build("torchvision/resnet152"), torch.randn(1, 3, 224, 224)
    times: dict[str, list[float]] = {"forward": [], "plan": [], "apply": []}
    for _ in range(3):
        with clock(times["forward"]):
            outputs(model, x)
    peak = largest_memory()
    for _ in range(3):
        with clock(times["plan"]):
            plan = plan_swap(model, "pvlu", example=x, share="channel")
        with clock(times["apply"]):
            applied = plan.apply(model)
        applied.revert()
    seconds = {name: statistics.median(rounds) for name, rounds in times.items()}
    return Cost(seconds, largest_memory() - peak)


def largest_memory() -> float:
    """Return the peak resident memory of this process in MiB; Linux counts in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@contextmanager
def clock(seconds: list[float]) -> Iterator[None]:
    """Append the processor time of the block; the wall clock would count what else the machine does."""
    start = time.process_time()
    yield
    seconds.append(time.process_time() - start)


def page(known: dict[str, Result], cost: Cost) -> str:
    """Write the page of the documentation."""
    here = machine()
    done = {name: known[name] for name, _ in names() if name in known}
    with_relu = [result for result in done.values() if result.rectified or result.failure]
    good = [result for result in with_relu if not result.failure]
    timm_models = sum(result.model.startswith("timm/") for result in done.values())
    left = sum((collections.Counter(result.left) for result in done.values()), collections.Counter())
    sites = sum(result.sites.get(kind, 0) for result in good for kind in ("relu", "relu6"))
    seconds = cost.seconds
    lines = [
        "# The surgery zoo",
        "",
        f"Swaps in {len(done) - timm_models} of the {len(torchvision.models.list_models(module=torchvision.models))} "
        f"classification models of torchvision, and in {timm_models} architectures of timm, with random weights. "
        "Written by `make surgery-zoo`; do not edit.",
        "",
        f"- **{len(with_relu)} models have a ReLU or ReLU6; {len(good)} of them ({len(good) / len(with_relu):.1%}) "
        f"pass every step.** The other {len(done) - len(with_relu)} have none and stay what they are.",
        f"- {sites:,} sites. PVLU, AdaReLU, PReLU, Comb and APL at all sites of a model, one function after the "
        "other: the outputs keep every bit.",
        f"- ConvReLU: {sum(result.folded for result in good):,} ReLUs moved into convolutions, and the outputs differ "
        f"by at most {max(result.apart for result in good):.1g} of the largest output (float32, the order of "
        f"summation); {left.total():,} stayed, for the reasons below.",
        "- A step of SGD in training mode, with two images: every parameter of every PVLU has a finite gradient, also "
        "in heads that only training mode uses.",
        "- After reverting, every module and parameter is the very same object; once the weights from before the "
        "step are loaded again, the outputs keep every bit.",
        "",
        f"On {here['processor']}, PyTorch {here['torch']}, torchvision {here['torchvision']}, timm "
        f'{here["timm"]}. Planning and applying PVLU, share="channel", on ResNet-152 at 224 pixels took '
        f"{seconds['plan'] + seconds['apply']:.2f} s of processor time on one thread, {seconds['apply']:.2f} s of it "
        f"for applying; a forward pass alone took {seconds['forward']:.2f} s (medians of three). It raised the peak "
        f"memory of forward passes by {cost.mebibytes:.0f} MiB.",
        "",
        "## Why ReLUs stay when ConvReLU is asked for",
        "",
        "| Reason | ReLUs |",
        "|---|---:|",
        *(f"| {reason} | {count:,} |" for reason, count in left.most_common()),
        "",
    ]
    for family in dict.fromkeys(family for _, family in names()):
        rows = [result for result in done.values() if result.family == family]
        if rows:
            lines += [f"## {family}", "", *HEAD, *map(row, rows), ""]
    return "\n".join(lines)


HEAD = (
    "| Model | Pixels | Activations | Exact | PVLU adds | ConvReLU: moved, left | Apart | Train, revert | Seconds |",
    "|---|---:|---|---|---:|---:|---:|---|---:|",
)


def row(result: Result) -> str:
    """Write a model's row of a table; seconds are processor time of planning and applying PVLU."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in result.sites.items()) or "none"
    name = result.model.partition("/")[2]
    if result.failure:
        return f"| {name} | {result.size or ''} | {kinds} | **failed** | | | | {result.failure.replace('|', '/')} | |"
    if not result.rectified:
        return f"| {name} | {result.size} | {kinds} | nothing to change | | | | | |"
    moved = f"{result.folded}, {sum(result.left.values())}"
    apart = f"{result.apart:.0e}" if result.apart else "0"
    exact = f"{sum(result.exact.values())} of {len(EXACT)}"
    return (
        f"| {name} | {result.size} | {kinds} | {exact} | {result.parameters:,} | {moved} | {apart} | yes | "
        f"{result.seconds:.2f} |"
    )


def machine() -> dict[str, str]:
    """Return the processor and the versions of the libraries."""
    info = Path("/proc/cpuinfo")
    models = re.findall(r"model name\s*: (.*)", info.read_text()) if info.exists() else []
    return {
        "processor": models[0] if models else platform.processor(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "timm": timm.__version__,
    }


def main() -> None:
    """Examine the models without results, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="*", help="models whose library/name fits this pattern, such as timm/dla*")
    parser.add_argument("--again", action="store_true", help="also models that have results")
    options = parser.parse_args()
    torch.set_num_threads(1)
    kept = json.loads(RESULTS.read_text())["models"] if RESULTS.exists() else []
    known = {result["model"]: Result(**result) for result in kept}
    cost = measure()
    for model, family in names():
        if fnmatch.fnmatch(model, options.only) and (options.again or model not in known):
            start = time.perf_counter()
            known[model] = examine(model, family)
            print(f"{model:45} {time.perf_counter() - start:6.1f} s  {known[model].failure or 'fine'}", flush=True)
            keep(known, cost)
    keep(known, cost)
    with write_whole(PAGE) as file:
        file.write_text(page(known, cost), encoding="utf-8")


def keep(known: dict[str, Result], cost: Cost) -> None:
    """Write the results so far."""
    data = {"machine": machine(), "resnet152": asdict(cost), "models": [asdict(result) for result in known.values()]}
    with write_whole(RESULTS) as file:
        file.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
