"""What is wrong with the values that a user wrote, in one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

LONGEST = 200
"""Characters of a value that an error repeats."""

ADAPTER_PATTERN = r"^(ia3|lora:[1-9][0-9]{0,3})$"
DEVICE_PATTERN = r"^(cpu|mps|cuda(:\d{1,3})?)$"
DIGEST_PATTERN = r"^[0-9a-f]{16}$"
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._/-]*$"

_EXPECTED = {
    "bool_parsing": "expected true or false",
    "bool_type": "expected true or false",
    "dict_type": "expected a table, such as {{lr = 0.1}}",
    "extra_forbidden": "no such setting",
    "finite_number": "expected a finite number",
    "float_parsing": "expected a number",
    "float_type": "expected a number",
    "greater_than": "expected more than {gt}",
    "greater_than_equal": "expected at least {ge}",
    "int_from_float": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_type": "expected a whole number",
    "less_than": "expected less than {lt}",
    "less_than_equal": "expected at most {le}",
    "list_type": "expected a list",
    "literal_error": "expected {expected}",
    "missing": "is required",
    "string_pattern_mismatch": "{pattern}",
    "string_too_short": "expected text, not nothing",
    "string_type": "expected text",
    "too_short": "expected at least {min_length}",
    "tuple_type": "expected a list",
}
"""What pydantic's errors say, in the words of the other errors."""

_PATTERNS = {
    ADAPTER_PATTERN: "expected ia3, or lora: and a rank below 10,000, such as lora:8",
    DEVICE_PATTERN: "expected cpu, mps, cuda, or cuda: and a number",
    DIGEST_PATTERN: "expected sixteen hexadecimal digits",
    NAME_PATTERN: "expected a name of letters, digits, '.', '_', '/' and '-' that begins with a letter or digit",
}


def explain(error: ValidationError, subject: str) -> str:
    """One line that says which field was given what, and what was expected."""
    parts = []
    for item in error.errors():
        # Where several kinds of value are allowed, pydantic names the kind in brackets.
        place = ".".join(str(step) for step in item["loc"] if "[" not in str(step))
        given = (
            "" if item["type"] in ("missing", "extra_forbidden") or not place else f", got {_shorten(item['input'])}"
        )
        message = _say_expected(item["type"], item.get("ctx", {})) or item["msg"].removeprefix("Value error, ")
        parts.append(f"{place}: {message}{given}" if place else message)
    return f"{subject}: " + "; ".join(parts)


def _shorten(value: Any) -> str:
    """A value as Python writes it, and of a long one only how it begins."""
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _say_expected(kind: str, facts: Mapping[str, Any]) -> str:
    """The error in our words; empty where it brings words of its own."""
    # Fields of real numbers have whole bounds, too, which pydantic keeps as 0.0.
    plain = {
        key: int(value) if isinstance(value, float) and value.is_integer() else value for key, value in facts.items()
    }
    text = _EXPECTED.get(kind, "").format(**plain)
    return _PATTERNS.get(text, text)
