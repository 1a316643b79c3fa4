"""The command line from its help: a page per verb."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import typer.main

from rectifiers.cli.app import app


def write_pages(folder: Path) -> None:
    """Write `index.md`, and `VERB.md` for every verb."""
    folder.mkdir(parents=True, exist_ok=True)
    verbs: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    lines = ["# Command line\n", "`rectifiers VERB --help` prints the same.\n"]
    for group in dict.fromkeys(verb.rich_help_panel for verb in verbs.values()):
        lines += [f"## {group}\n"]
        lines += [
            f"- [`rectifiers {name}`]({name}.md): {_first_line(verb)}"
            for name, verb in verbs.items()
            if verb.rich_help_panel == group
        ]
        lines += [""]
    (folder / "index.md").write_text("\n".join([*lines, ""]), encoding="utf-8")
    for name, verb in verbs.items():
        (folder / f"{name}.md").write_text("\n".join(_page(name, verb)), encoding="utf-8")


def _first_line(verb: Any) -> str:
    return str(verb.help).split("\n\n")[0].replace("\n", " ")


def _page(name: str, verb: Any) -> Iterator[str]:
    arguments = [one for one in verb.params if not one.opts[0].startswith("-")]
    options = [one for one in verb.params if one.opts[0].startswith("-") and not one.hidden]
    yield f"# rectifiers {name}\n"
    yield f"{verb.help}\n"
    usage = " ".join(one.metavar if one.required else f"[{one.metavar}]" for one in arguments)
    yield f"```text\nrectifiers {name} {usage}{' ' if usage else ''}[OPTIONS]\n```\n"
    if verb.epilog:
        yield f"```sh\n{verb.epilog.removeprefix('Example: ')}\n```\n"
    if arguments:
        yield from ("## Arguments\n", *_table((one.metavar, one) for one in arguments))
    yield from ("## Options\n", *_table((_flags(one), one) for one in options))


def _flags(option: Any) -> str:
    names = ", ".join([*option.opts, *option.secondary_opts])
    return f"{names} {option.metavar}" if option.metavar and not option.is_flag else names


def _table(rows: Iterable[tuple[str, Any]]) -> Iterator[str]:
    yield "| | |\n|:--|:--|"
    for name, one in rows:
        # As code, in which two hyphens do not become a dash, and long names may be broken.
        told = [re.sub(r"(?<![\w`-])(--[a-z][a-z-]*|[A-Z]+[.:][A-Z.:]+[A-Z])", r"`\1`", str(one.help or ""))]
        if one.show_default and one.default not in (None, False, []):
            told.append(f"Default: `{one.default}`.")
        if one.envvar:
            told.append(f"Environment variable: `{one.envvar}`.")
        text = re.sub(r"\s+", " ", " ".join(told)).replace("|", r"\|")
        yield f"| `{name.replace('|', chr(92) + '|')}` | {text} |"
    yield ""
