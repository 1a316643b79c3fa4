"""Equations of the specs, which are plain text, as LaTeX; and LaTeX as MathML, which browsers show without scripts."""

from __future__ import annotations

import re

from latex2mathml.converter import convert

FUNCTIONS = ("max", "min", "exp", "log", "tanh", "sin", "cos")
SYMBOLS = {
    "α": r"\alpha ",
    "β": r"\beta ",
    "ε": r"\varepsilon ",
    "θ": r"\theta ",
    "λ": r"\lambda ",
    "π": r"\pi ",
    "σ": r"\sigma ",
    "Φ": r"\Phi ",
    "Σ": r"\sum ",
    "·": r"\,",
    "−": "-",
    "≥": r"\ge ",
    "≤": r"\le ",
    "²": "^2",
    "³": "^3",
    "½": r"\tfrac12 ",
}


def latex(equation: str) -> str:
    r"""Write the formula of a spec as LaTeX.

    What follows a semicolon, and a comma that no case needs, is a remark and left out; `remarks` gives it.

    Example:
        >>> latex("x for x > θ, θ otherwise")
        '\\begin{cases}x&\\text{for }x > \\theta \\\\\\theta &\\text{otherwise}\\end{cases}'
        >>> latex("log(1 + exp(β·x)) / β")
        '\\frac{\\log (1 + \\exp (\\beta \\,x))}{\\beta }'
        >>> latex("a + b·(x / y)")
        'a + b\\,\\frac{x}{y}'
    """
    formula, _ = _split(equation)
    cases = re.findall(r"(.+?)(?: for ([^,]+)| (otherwise))(?:, |$)", formula)
    if len(cases) < 2:
        return _expression(formula)
    lines = [
        f"{_expression(value)}&" + (rf"\text{{for }}{_expression(where)}" if where else r"\text{otherwise}")
        for value, where, _ in cases
    ]
    return r"\begin{cases}" + r"\\".join(lines) + r"\end{cases}"


def remarks(equation: str) -> str:
    """What an equation says beside its formula.

    Example:
        >>> remarks("x·Φ(x), Φ the cumulative distribution function of N(0, 1)")
        'Φ the cumulative distribution function of N(0, 1)'
    """
    return _split(equation)[1]


def mathml(source: str, *, block: bool) -> str:
    """Write LaTeX as MathML."""
    written = convert(source, display="block" if block else "inline")
    if r"\begin{cases}" in source:
        written = re.sub(r"<mo [^>]*>&#x0007B;</mo><mtable>", '<mtable class="cases">', written)
    return written


def _split(equation: str) -> tuple[str, str]:
    formula, _, remark = equation.partition("; ")
    if " otherwise" not in formula and not re.search(r" for [^,]+, .* for ", formula):
        # A comma outside of brackets ends the formula.
        depth = 0
        for position, character in enumerate(formula):
            depth += (character in "([{") - (character in ")]}")
            if character == "," and not depth:
                parts = (formula[position + 2 :], remark)
                return formula[:position], "; ".join(filter(None, parts))
    return formula, remark


def _expression(text: str) -> str:
    """One expression: a division with spaces around it is a fraction of all that stands on its sides."""
    depth = 0
    for position, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if not depth and text.startswith(" / ", position):
            sides = (text[:position], text[position + 3 :])
            return rf"\frac{{{_expression(_bare(sides[0]))}}}{{{_expression(_bare(sides[1]))}}}"
    if inner := re.search(r"(?<=·)\(((?:[^()]|\([^()]*\))* / (?:[^()]|\([^()]*\))*)\)", text):
        # A fraction in brackets of its own, which it needs no more.
        return _expression(text[: inner.start()]) + _expression(inner[1]) + _expression(text[inner.end() :])
    text = re.sub(r"√\(([^()]*)\)", lambda root: rf"\sqrt{{{root[1]}}}", text)
    words = re.compile(r"\\?[A-Za-z]+(?:_(?:\{[^}]*\}|\w))?")
    text = words.sub(lambda found: _word(found[0], text[found.end() : found.end() + 1]), text)
    return "".join(SYMBOLS.get(character, character) for character in text)


def _bare(text: str) -> str:
    """Without brackets around the whole; a fraction needs none."""
    if not (text.startswith("(") and text.endswith(")")):
        return text
    depth = 0
    for position, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if not depth and position < len(text) - 1:
            return text
    return text[1:-1]


def _word(word: str, follower: str) -> str:
    if word.startswith("\\") or len(word.split("_")[0]) == 1:
        return word
    if word in FUNCTIONS and follower in ("(", " ") and (follower == "(" or word in ("sin", "cos")):
        return rf"\{word} "
    return rf"\text{{ {word} }}" if follower in (" ", "") else rf"\mathrm{{{word}}}"
