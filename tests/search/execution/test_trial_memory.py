import os

from search.execution import trial_memory
from search.execution.trial_memory import used_bytes


def test_what_a_child_holds_counts_and_what_is_shared_counts_once(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(trial_memory, "PROC", tmp_path)
    own, child = os.getpid(), 999_999_999
    for pid, children, rss, pss in ((own, f"{child} ", 3000, 2000), (child, "", 2500, 1500)):
        (tmp_path / f"{pid}/task/1").mkdir(parents=True)
        (tmp_path / f"{pid}/task/1/children").write_text(children)
        (tmp_path / f"{pid}/status").write_text(f"RssAnon:\t{rss} kB\nRssFile:\t99999 kB\nRssShmem:\t0 kB\n")
        (tmp_path / f"{pid}/smaps_rollup").write_text(f"Pss_Anon: {pss} kB\nPss_File: 9 kB\nPss_Shmem: 1 kB\n")
    assert used_bytes(limit=6000 * 1024) == 5500 * 1024
    assert used_bytes(limit=5000 * 1024) == 3502 * 1024


def test_without_a_kernel_that_tells_nothing_is_known(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(trial_memory, "PROC", tmp_path)
    assert used_bytes(0) == 0
