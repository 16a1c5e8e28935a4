from types import SimpleNamespace

import pytest

from search.execution.awaited import awaited


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (0, "on which files are measured; on a machine"),
        (3, "on which files are measured; waiting to be measured: 3 files"),
    ],
    ids=["nobody waits yet", "some wait"],
)
def test_it_says_what_is_missing_and_the_command_that_adds_it(monkeypatch, files: int, told: str) -> None:
    ray = SimpleNamespace(get_runtime_context=lambda: SimpleNamespace(gcs_address="head:6379"))
    monkeypatch.setattr("search.execution.awaited.ray", ray)
    words = awaited("edge", files)
    assert told in words
    assert words.endswith("""ray start --address=head:6379 --num-cpus=0 --resources='{"edge": 1}'""")
