"""TOML files, with errors that name the file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ..core.errors import ConfigError
from ..core.reading import read_regular

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        ConfigError: the file cannot be read, or is not TOML; with the place where it stops being so.
    """
    try:
        document: dict[str, Any] = tomllib.loads(read_regular(path).decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, ValueError) as error:  # a number of thousands of digits is a plain ValueError
        raise ConfigError(f"{path} is not a TOML file: {error}") from None
    except RecursionError:
        raise ConfigError(f"{path} is nested too deeply; write it flatter") from None
    return document
