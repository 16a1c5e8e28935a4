from pathlib import Path

import pytest

from pipelines.onnxfile.loading import loading_crash


@pytest.mark.parametrize(
    ("script", "crash"),
    [
        ("import sys; assert sys.argv[1] == 'model.onnx'", None),
        ("raise ValueError('no such operator')", None),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
    ],
    ids=["loads", "is refused", "crashes"],
)
def test_only_what_ends_the_process_is_a_crash(script: str, crash: str | None) -> None:
    assert loading_crash(Path("model.onnx"), script) == crash
