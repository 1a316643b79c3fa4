"""`--set KEY=VALUE`, as several verbs take it."""

from __future__ import annotations

import json
from typing import Any

from ..core.errors import ConfigError


def split_setting(setting: str, example: str) -> tuple[str, Any]:
    """Key and value: JSON where the text is JSON, text otherwise.

    Args:
        setting: what the user wrote.
        example: a right one, for the error.

    Raises:
        ConfigError: there is no equals sign.
    """
    key, equals, text = setting.partition("=")
    if not equals:
        raise ConfigError(f"--set needs KEY=VALUE, got {setting!r}; write --set {example}, say")
    try:
        return key, json.loads(text)
    except ValueError:
        return key, text
