import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

SAY = """
import sys
from search.cli import app as cli
from search.cli.output import err, out, print_json

def say():
    err().print("progress α")
    out().print("[bold]α±°[/bold] kept")
    print_json({"name": "α"})
    print("x" * 100_000)
    err().print("went on")

cli.app = say
cli.main()
"""


def say(options: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """What a command does that prints on both streams, started in a shell with `options`."""
    command = f'"{sys.executable}" -c "$SAY" {options}'
    return subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "SAY": SAY, **environment},
    )


@pytest.mark.parametrize(("encoding", "alpha"), [("ascii", b"?"), ("latin-1", b"?"), ("utf-8", "α".encode())])
def test_every_character_is_printed_as_well_as_the_terminal_can(encoding, alpha) -> None:
    done = say("", PYTHONIOENCODING=encoding, LC_ALL="C")
    assert done.returncode == 0
    assert done.stderr == b"progress " + alpha + b"\nwent on\n"
    assert done.stdout.startswith(alpha)
    assert b'"\\u03b1"' in done.stdout


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (">&-", 0, b"progress \xce\xb1\nwent on\n"),
        ("| true", 0, b"progress \xce\xb1\nwent on\n"),
        (">/dev/full", 1, b"progress \xce\xb1\nparedown: cannot write to standard output: No space left on device\n"),
        ("2>&-", 0, b""),
        ("2>/dev/full", 0, b""),
        ("<&- >&- 2>&-", 0, b""),
    ],
)
def test_only_an_output_that_somebody_wants_is_missed(options, code, told) -> None:
    done = say(f'{options}; exit "${{PIPESTATUS[0]}}"')
    assert (done.returncode, done.stderr) == (code, told)
