"""The command line: one file per verb.

A verb's file is imported to show its help, so it imports what needs torch only when it runs.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import io
import os
import re
import sys
from pathlib import Path
from typing import Any, NoReturn, TextIO

from ..core.errors import RectifiersError
from ..core.files import fill_standard_streams
from ..core.wording import printable
from .output import release_stdout, spell_options


def main() -> None:
    """Run the command of `sys.argv`; a user's mistake becomes one line on stderr and exit code 2."""
    if os.environ.get("COLUMNS") == "0":
        del os.environ["COLUMNS"]  # of a terminal that does not know its width; tables would have none
    # Ten thousand results that are read are no garbage, and would be looked through for it again and again.
    gc.set_threshold(50_000, 20, 50)
    atexit.register(gc.freeze)  # nor once more at the end
    fill_standard_streams()
    # Python has none for what was closed, and nobody below has to ask for that.
    sys.stdout, sys.stderr = sys.stdout or _open_nowhere(), sys.stderr or _open_nowhere()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # α and β in a terminal that knows ASCII only
    try:
        from .app import app

        try:
            code = app(sys.argv[1:] or ["--help"], prog_name="rectifiers", standalone_mode=False)
        except SystemExit as error:
            # Typer ends the program itself at a closed pipe, and where it completes words.
            if isinstance(error.__context__, OSError) or "_RECTIFIERS_COMPLETE" in os.environ:
                raise
            _fail(f"what you named ended the program (SystemExit: {error}) instead of doing its work; correct it")
        finally:
            release_stdout()
            sys.stdout.flush()
        sys.exit(code if isinstance(code, int) else 0)
    except RectifiersError as error:
        _fail(spell_options(str(error)))
    except ModuleNotFoundError as error:
        if (error.name or "").startswith(__package__.split(".")[0]):
            raise
        _fail(f'the command line needs {error.name}; install "rectifiers[lab]"')
    except ImportError as error:
        if "shared object" not in str(error):
            raise
        _fail(f"cannot load a library ({error}); give the process more memory (ulimit -v), or install it anew")
    except MemoryError:
        _fail("memory ran out; give the process more (ulimit -v), or choose something smaller")
    except KeyboardInterrupt:  # before the words of the command are read, which typer does not hear of
        sys.exit(130)
    except BrokenPipeError:
        _abandon_stdout()
        sys.exit(1)
    except OSError as error:
        _abandon_stdout()
        place = f"{error.filename}: " if error.filename else "cannot write the output: "
        _fail(f"{place}{error.strerror or error}")
    except Exception as error:
        if type(error).__name__ == "Abort":  # how some versions of typer tell of Ctrl-C
            sys.exit(130)
        _fail(_explain_usage(error))


# The words in which versions of typer suggest names.
_SUGGESTION = re.compile(r"\.? [('\"]*(?:Did you mean(?: one of)?:?|Possible options:) ([^?)]*)[?)'\",]*$")


def _explain_usage(error: Exception) -> str:
    """What is wrong with the words of the command, in one line; any other error is raised again."""
    # The class is click's in some versions of typer, and typer's own in others.
    if not hasattr(error, "format_message"):
        raise error
    message = error.format_message().strip().rstrip(".").replace("Value error, ", "")
    context = getattr(error, "ctx", None)
    if setting := _setting(message, context):
        return f"no such option: {setting[0]}; it is a setting: --set {setting[1]}=…"
    message = _SUGGESTION.sub(
        lambda found: f"; did you mean {found[1].replace(', ', ' or ')}?", f"{message[:1].lower()}{message[1:]}"
    )
    see = f"see {context.command_path if context else 'rectifiers'} --help"
    return f"{message} S{see[1:]}" if message.endswith("?") else f"{message}; {see}"


def _setting(message: str, context: Any) -> tuple[str, str] | None:
    """The option that does not exist, and the setting of that name, which a command that takes settings has."""
    found = re.match(r"No such option: (--([\w-]+))", message)
    if not found or context is None or not any("--set" in one.opts for one in context.command.params):
        return None
    if any(option.startswith(found[1]) for one in context.command.params for option in one.opts):
        return None  # an option that was cut short
    from ..experiments.trial import Trial

    name = found[2].replace("-", "_")
    return (found[1], name) if name in Trial.model_fields else None


def _fail(message: str) -> NoReturn:
    sys.stderr.write(f"error: {printable(message)}\n")
    sys.exit(2)


def _open_nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")  # as long as the process


def _abandon_stdout() -> None:
    """Send what is still buffered nowhere, or the interpreter complains when it flushes at exit."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
