import json
import subprocess
import sys
from pathlib import Path

from search.cli import person_output
from search.cli.output import print_json

SPEAKER = """
import atexit, os, subprocess, sys
from search.cli.output import print_json
from search.cli.person_output import printing_to_stderr

@printing_to_stderr
def command():
    print("printed")
    sys.__stdout__.write("written" + chr(10))
    sys.__stdout__.flush()
    os.write(1, b"from below" + bytes([10]))
    subprocess.run(["echo", "from another process"])
    atexit.register(lambda: print("in the end"))
    print_json({"data": 1})

command()
"""


def test_only_data_gets_to_standard_output() -> None:
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", SPEAKER], capture_output=True, text=True, cwd=root, check=True)
    assert json.loads(done.stdout) == {"data": 1}
    for line in ("printed", "written", "from below", "from another process", "in the end"):
        assert f"{line}\n" in done.stderr


def test_what_stands_for_standard_output_is_put_back(capsys) -> None:
    before = sys.stdout
    with person_output.set_apart():
        print("a person's")
        print_json(["data"])
    assert sys.stdout is before
    output = capsys.readouterr()
    assert (json.loads(output.out), output.err) == (["data"], "a person's\n")
