"""What holds for every verb: examples, usage errors, closed pipes, full disks and ASCII terminals."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from rectifiers.cli import _fail, main
from rectifiers.cli.app import app
from rectifiers.lab.progress import say

from .conftest import Cli

VERBS = [str(command.name) for command in app.registered_commands]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_an_example(cli: Cli, verb: str) -> None:
    outcome = cli(verb, "--help")
    assert outcome.code == 0
    assert f"Example: rectifiers {verb}" in " ".join(outcome.out.split())


def test_the_terminal_breaks_the_lines_of_help() -> None:
    """A docstring's own line breaks would leave half lines in a window of another width."""
    for command in app.registered_commands:
        assert command.help
        assert all("\n" not in paragraph for paragraph in command.help.split("\n\n"))


def test_without_a_verb_the_help_is_shown(cli: Cli) -> None:
    outcome = cli()
    assert outcome.code == 0
    assert "Usage: rectifiers" in outcome.out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["trian"], "no such command 'trian'; see rectifiers --help"),
        (["shwo"], "no such command 'shwo'; did you mean 'show'? See rectifiers --help"),
        (["--verison"], "no such option: --verison"),
        (
            ["table", "quickstart", "--formt", "csv"],
            "no such option: --formt; did you mean --format or --plot? See rectifiers table",
        ),
        (["compare", "nets:Net", "--lr", "0.1"], "no such option: --lr; it is a setting: --set lr=…"),
        (["compare", "nets:Net", "--activation", "elu"], "no such option: --activation; did you mean --activations"),
        (
            ["run", "quickstart", "--batch-size", "8"],
            "no such option: --batch-size; it is a setting: --set batch_size=…",
        ),
        (["list", "activations", "all"], "got unexpected extra argument"),
        (["plan"], "missing argument 'EXPERIMENT'; see rectifiers plan --help"),
        (["swap", "nets:Net", "--input", "1,3"], "missing option '--to'; see rectifiers swap --help"),
        (["table", "quickstart", "--format", "word"], "'word' is not one of 'terminal', 'markdown'"),
        (["doctor", "nets:Net", "--input", "1,3", "--batches", "0"], "--batches must be at least 1, got 0"),
        (["doctor", "nets:Net", "--input", "1,3", "--batch-size", "x"], "--batch-size must be a whole number, got 'x'"),
        (["bench", "--rounds", "1"], "--rounds must be at least 2, got 1"),
        (["bench", "--batch", "-1"], "--batch must be at least 0, got -1"),
    ],
)
def test_mistakes_in_the_words_of_a_command_are_one_line(cli: Cli, arguments: list[str], line: str) -> None:
    outcome = cli(*arguments)
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err.startswith("error: ")
    assert line in outcome.err
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize("verb", [["list"], ["env"], ["plan", "quickstart"], ["table", "quickstart"]], ids=" ".join)
@pytest.mark.parametrize("option", ["--results", "--data-dir"])
def test_a_file_in_the_place_of_a_folder_is_refused(cli: Cli, tmp_path: Path, verb: list[str], option: str) -> None:
    if verb[0] == "table" and option == "--data-dir":
        pytest.skip("a table needs no data")
    (tmp_path / "file").touch()
    outcome = cli(*verb, option, "file")
    assert outcome.code == 2
    assert outcome.err == f"error: {option} must be a folder, but file is a file; name another one\n"


def test_an_error_does_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        _fail("found a file \x1b[31m\x07\u202e in the archive\n  and another")
    assert capsys.readouterr().err == "error: found a file \\x1b[31m\\x07\\u202e in the archive\n  and another\n"


def test_what_is_no_mistake_of_the_user_stays_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Abort(RuntimeError):
        """As some versions of typer raise it at Ctrl-C."""

    def run(error: Exception) -> None:
        def fail(*arguments: object, **options: object) -> None:
            raise error

        monkeypatch.setattr("rectifiers.cli.app.app", fail)
        main()

    with pytest.raises(ZeroDivisionError):
        run(ZeroDivisionError())
    with pytest.raises(SystemExit) as exit_:
        run(Abort())
    assert exit_.value.code == 130


def test_a_terminal_of_no_columns_has_tables(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "0")
    assert "AReLU" in cli("table", "quickstart", "--preset", "smoke", "--results", "nowhere").out


@pytest.mark.parametrize("code", [0, 1, 3])
def test_what_a_user_named_cannot_end_the_program_in_silence(
    refused: Callable[..., str], tmp_path: Path, code: int
) -> None:
    module = f"ending_model_{code}"
    (tmp_path / f"{module}.py").write_text(
        "import sys\nfrom torch import nn\n\n\nclass Net(nn.ReLU):\n"
        f"    def forward(self, x):\n        sys.exit({code})\n"
    )
    assert f"SystemExit: {code}" in refused("swap", f"{module}:Net", "--to", "arelu", "--input", "1,3,8,8")


def test_a_closed_pipe_is_quiet() -> None:
    listing = subprocess.Popen(
        [sys.executable, "-m", "rectifiers", "list", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert listing.stdout is not None
    assert listing.stderr is not None
    listing.stdout.close()
    errors = listing.stderr.read()
    listing.stderr.close()
    assert listing.wait() == 1
    assert errors == b""


@pytest.mark.skipif(os.name != "posix", reason="closes what POSIX numbers")
@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1, 2)])
def test_json_with_closed_standard_streams(closed: tuple[int, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rectifiers", "list", "--json"],
        capture_output=True,
        check=False,
        preexec_fn=lambda: [os.close(number) for number in closed] and None,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert 1 in closed or json.loads(done.stdout)


@pytest.mark.skipif(os.name != "posix", reason="closes what POSIX numbers")
def test_a_table_with_a_closed_standard_output(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rectifiers", "table", "quickstart"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "COLUMNS"},
        stderr=subprocess.PIPE,
        check=False,
        preexec_fn=lambda: os.close(1),
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_closed_pipe_behind_the_errors_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as broken:
        monkeypatch.setattr(sys, "stderr", broken)
        say("nobody hears this")
        monkeypatch.undo()
        with suppress(BrokenPipeError):
            broken.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_full_disk_behind_the_output_is_one_line(options: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "rectifiers", "list", *options],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == "error: cannot write the output: No space left on device\n"


def test_a_terminal_that_knows_ascii_only_gets_replacements() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rectifiers", "list", "experiments"],
        capture_output=True,
        check=False,
        env={"PYTHONIOENCODING": "ascii", "PATH": ""},
    )
    assert done.returncode == 0
    assert b"starting values of ? and ?" in done.stdout


def test_a_table_does_not_load_pytorch(tmp_path: Path) -> None:
    command = ["table", "quickstart", "--preset", "smoke", "--results", str(tmp_path)]
    code = (
        f"import sys; sys.argv[1:] = {command}\n"
        "from rectifiers.cli import main\n"
        "try: main()\n"
        "except SystemExit: print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "0 of 6 runs finished; 6 missing." in done.stdout, done.stderr
    assert done.stdout.splitlines()[-1] == "False"
