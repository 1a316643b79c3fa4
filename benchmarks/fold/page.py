"""The tables of docs/fold.md."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from typing import Any

from rectifiers.experiments.statistics import compare

from ..marks import replace_between
from . import cifar, encoder

COLUMNS = {
    "swapped": "After the swap",
    "tuned": "Fine-tuned",
    "after": "Folded",
    "int8": "int8",
    "zeros": "Zeros",
}
"""What is shown of each arm, in percent."""


def page(text: str, facts: dict[str, Any]) -> str:
    """Write the tables into the page anew."""
    text = replace_between(text, "figures", "".join((*_cifar(facts), *_efficientnet(facts))))
    return replace_between(text, "encoder", "".join(_encoder(facts["encoder"]))) if "encoder" in facts else text


def _cifar(facts: dict[str, Any]) -> Iterator[str]:
    runs = _finished(facts["arms"])
    before = _mean([run["before"] for run in runs["silu"].values()])
    count = sum(parameter.numel() for parameter in cifar.Net().parameters())
    yield (
        f"These figures are those of `python -m benchmarks.fold`. A net of six convolutions, {count:,} parameters, was "
        f"trained on CIFAR-10 with SiLU for {cifar.EPOCHS} epochs, after which it got {before} % of the 10,000 test "
        f"images right; then for {cifar.TUNING} epochs in the way of each row. All of it was done {len(runs['silu'])} "
        "times, from other seeds: means and standard deviations. Weights and activations of int8 by onnxruntime's "
        "static quantisation, from 500 training images.\n\n"
    )
    yield from _arms(runs, cifar.ARMS)
    if "latency" in facts:
        yield "\nMilliseconds for 32 images, one thread, batch norms in the convolutions, medians of 60 in turns:\n\n"
        yield from _latency({title: facts["latency"][arm] for arm, title in cifar.ARMS.items()})


def _efficientnet(facts: dict[str, Any]) -> Iterator[str]:
    if "pretrained" not in facts:
        return
    folds, times = facts["pretrained"]["folds"], facts["pretrained"]["times"]
    yield (
        "\nEfficientNet lite0 with its published weights has 33 ReLU6. A function takes their place, its "
        "thresholds are moved at random by 0.1, and it is folded. The table shows differences of the outputs in "
        "units of the largest, in float32 and with the same weights in float64, and milliseconds for one image of "
        "224 pixels in onnxruntime, one thread, medians of 30 in turns. As published, the net takes "
        f"{times['as it is']:.1f}.\n\n"
        "| | Folded | Become | Float32 | Float64 | Before, ms | Folded, ms | Left, because |\n"
        "|---|---:|---|---:|---:|---:|---:|---|\n"
    )
    for title, row in folds.items():
        cells = (
            f"{row['folded']} of 33",
            ", ".join(row["becomes"]),
            f"{row['difference']:.1g}" if row["folded"] else "",
            f"{row['double']:.1g}" if row["folded"] else "",
            f"{times[f'{title}, before']:.1f}",
            f"{times[title]:.1f}",
            "; ".join(row["left"]),
        )
        yield f"| {title} | {' | '.join(cells)} |\n"


def _encoder(facts: dict[str, Any]) -> Iterator[str]:
    runs = _finished(facts["arms"])
    before = _mean([facts["before"][seed] for seed in runs["gelu"]])
    settings = facts["settings"]
    dropout = f"with dropout of {settings['dropout']:g}" if settings["dropout"] else "without dropout"
    times = "It was done once, so that nothing is known of the spread between seeds."
    if len(runs["gelu"]) > 1:
        times = (
            f"All of it was done {len(runs['gelu'])} times, from other seeds and with other training sentences: means "
            "and standard deviations."
        )
    yield (
        "These figures are those of `python -m benchmarks.fold --encoder`. The encoder got a linear classifier on the "
        f"mean of its tokens, and both were trained with GELU on {settings['sentences']:,} sentences of MR for "
        f"{encoder.EPOCHS} epochs {dropout}, after which they got {before} % of the 1,067 test sentences right; then "
        f"for {encoder.TUNING} epochs in the way of each row. {times} Int8 is onnxruntime's dynamic quantisation, as "
        "is usual for transformers: weights are rounded once, and activations for each batch, in front of matrix "
        "products. Zeros are those behind the functions, over all tokens.\n\n"
    )
    yield from _arms(runs, encoder.ARMS)
    if len(runs["gelu"]) > 1:
        yield (
            "\nThe same in points above or below GELU that was trained on, paired by seed, with 95 % intervals:\n\n"
            "| | Fine-tuned | int8 |\n|---|---:|---:|\n"
        )
        for arm, title in encoder.ARMS.items():
            if arm in runs and arm != "gelu":
                cells = (_difference(runs[arm], runs["gelu"], name) for name in ("tuned", "int8"))
                yield f"| {title} | {' | '.join(cells)} |\n"
    if "latency" in facts:
        yield (
            f"\nMilliseconds of processor time for {encoder.BATCH} sentences of {encoder.TIMED} tokens, one thread, "
            f"medians of {encoder.ROUNDS} in turns:\n\n"
        )
        yield from _latency(facts["latency"])


def _arms(runs: Mapping[str, Mapping[str, Mapping[str, Any]]], arms: Mapping[str, str]) -> Iterator[str]:
    yield f"| | {' | '.join(f'{title}, %' for title in COLUMNS.values())} |\n|---|{'---:|' * len(COLUMNS)}\n"
    for arm, title in arms.items():
        if arm in runs:
            cells = (_mean([run[name] for run in runs[arm].values() if name in run]) for name in COLUMNS)
            yield f"| {title} | {' | '.join(cells)} |\n"
    folded = [run for of_arm in runs.values() for run in of_arm.values() if "difference" in run]
    if not any(run["left"] for run in folded):
        largest = max(run["difference"] for run in folded)
        yield f"\nEvery function was folded; the outputs differed by at most {largest:.1g} of the largest.\n"


def _latency(rows: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    yield "| | PyTorch | onnxruntime | onnxruntime, int8 |\n|---|---:|---:|---:|\n"
    for title, times in rows.items():
        yield f"| {title} | {times['torch']:.1f} | {times['onnxruntime']:.1f} | {times['int8']:.1f} |\n"


def _finished(arms: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Keep the arms that were begun, and the seeds that all of these have."""
    begun = {arm: runs for arm, runs in arms.items() if runs}
    seeds = sorted(set.intersection(*(set(runs) for runs in begun.values())))
    return {arm: {seed: runs[seed] for seed in seeds} for arm, runs in begun.items()}


def _mean(values: list[float]) -> str:
    if not values:
        return ""
    spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.2f}{spread}"


def _difference(row: Mapping[str, Any], other: Mapping[str, Any], name: str) -> str:
    one, two = ({int(seed): run[name] for seed, run in runs.items()} for runs in (row, other))
    found = compare(one, two, margin=0.0)
    return f"{found.difference:+.1f} [{found.low:+.1f}, {found.high:+.1f}]".replace("-", "−")
