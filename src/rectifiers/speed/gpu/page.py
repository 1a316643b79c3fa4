"""The page of a run, in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .pieces import DTYPES, Piece

PROVIDERS = ("rectifiers", "nn.ReLU", "inductor", "copy")


def failures(content: Mapping[str, Any]) -> dict[str, str]:
    """Checks that did not pass and times that could not be taken, with the reason."""
    found = {}
    for key, result in content["results"].items():
        if "error" in result:
            found[key] = result["error"]
        elif not result.get("passed", True):
            wrong = [case for case in result["cases"] if not case["error"] <= case["allowed"]]
            found[key] = "; ".join(
                f"{case['layout']}, {case['share']}: error {case['error']:.1e}, allowed {case['allowed']:.1e}"
                for case in wrong
            )
        elif "rectifiers" in result.get("failed", {}):
            found[key] = result["failed"]["rectifiers"]
    return found


def write_page(content: Mapping[str, Any]) -> str:
    """The page, from what a run has written so far."""
    return "\n".join(_lines(content)) + "\n"


def _lines(content: Mapping[str, Any]) -> Iterator[str]:
    results: dict[str, Any] = content["results"]
    facts = ", ".join(f"{name} {value}" for name, value in content["facts"].items())
    yield from ("# GPU kernels", "", f"{facts}; {content['written']}.", "")
    left = content["planned"] - len(results)
    if left > 0:
        yield from (
            f"**{left} of {content['planned']} pieces are still to be tried**: the same command goes on here.",
            "",
        )
    if "interpreted" in content["facts"]["device"]:
        yield from ("**No GPU was used**: Triton's interpreter ran the kernels, and the times mean nothing.", "")
    wrong = failures(content)
    yield from (f"## Failures: {len(wrong) or 'none so far'}", "")
    for key, why in wrong.items():
        yield f"- `{key}`: {why}"
    if wrong:
        yield ""
    pieces = {Piece.read(key): result for key, result in results.items()}
    yield from _checked({piece: result for piece, result in pieces.items() if piece.kind == "check"})
    yield from _timed({piece: result for piece, result in pieces.items() if piece.kind == "time" and "times" in result})


def _checked(results: Mapping[Piece, Any]) -> Iterator[str]:
    """The largest error of each formula in each dtype, over layouts and granularities."""
    yield from (
        "## Errors against float64",
        "",
        "Output and all gradients, contiguous and channels_last, parameters of the layer and of each channel: the "
        "largest error, in units of the largest value.",
        "",
        f"| | {' | '.join(DTYPES)} | seconds of first calls |",
        f"|:--|{'--:|' * len(DTYPES)}--:|",
    )
    for subject in dict.fromkeys(piece.subject for piece in results):
        found = [results.get(Piece("check", subject, dtype)) for dtype in DTYPES]
        cases = [case for result in found if result is not None for case in result.get("cases", ())]
        seconds = sum(case["first_call_seconds"] for case in cases)
        yield f"| {subject} | {' | '.join(map(_error, found))} | {seconds:.1f} |"
    yield ""


def _error(result: Any) -> str:
    if result is None:
        return ""
    if "cases" not in result:
        return "skipped" if "skipped" in result else "failed"
    worst = max(case["error"] for case in result["cases"])
    return f"{worst:.0e}" if result["passed"] else f"**{worst:.0e}**"


def _timed(results: Mapping[Piece, Any]) -> Iterator[str]:
    """A table per input: milliseconds, and how often they go into those of others."""
    for shape, dtype in dict.fromkeys((piece.shape, piece.dtype) for piece in results):
        chosen = {piece.subject: one for piece, one in results.items() if (piece.shape, piece.dtype) == (shape, dtype)}
        sizes = "×".join(map(str, next(iter(chosen.values()))["sizes"]))
        yield from (
            f"## {shape}, {sizes}, {dtype}",
            "",
            "Milliseconds, medians: forward, then forward and backward; beside `nn.ReLU`, what the compiler makes of "
            "the reference, and a copy.",
            "",
            "| | forward | × nn.ReLU | × inductor | × copy | both | × nn.ReLU | × inductor |",
            "|:--|" + "--:|" * 7,
        )
        for subject, result in chosen.items():
            yield f"| {subject} | {' | '.join(_row(result['times']))} |"
        yield ""


def _row(times: Mapping[str, Mapping[str, Sequence[float]]]) -> Iterator[str]:
    for mode, others in (("forward", PROVIDERS[1:]), ("full", PROVIDERS[1:3])):
        ours = _median(times, "rectifiers", mode)
        yield "" if ours is None else f"{ours:.3g}"
        for other in others:
            theirs = _median(times, other, mode)
            yield "" if ours is None or not theirs else f"{ours / theirs:.2f}"


def _median(times: Mapping[str, Mapping[str, Sequence[float]]], provider: str, mode: str) -> float | None:
    found = times.get(provider, {}).get(mode)
    return None if found is None else found[1]
