from types import SimpleNamespace

import pytest
import ray

from search.execution import whereabouts as module
from search.execution.whereabouts import forget_whereabouts, tell_whereabouts, whereabouts


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> dict:
    """What Ray keeps for those who ask; a process on the node `edge` with half of a GPU."""
    found: dict = {}
    fake = SimpleNamespace(
        _internal_kv_put=lambda key, value, namespace: found.update({key: value}),
        _internal_kv_get=lambda key, namespace: found.get(key),
        _internal_kv_del=lambda key, namespace: found.pop(key, None),
    )
    context = SimpleNamespace(get_job_id=lambda: "01", get_node_id=lambda: "edge")
    monkeypatch.setattr(module, "internal_kv", fake)
    for name, value in {"is_initialized": True, "get_runtime_context": context, "get_gpu_ids": [1]}.items():
        monkeypatch.setattr(ray, name, lambda value=value: value)
    return found


def test_what_a_worker_tells_is_known_until_it_is_forgotten(kept: dict) -> None:
    tell_whereabouts(3)
    there = whereabouts(3)
    assert (there.trial, there.node_id, there.gpus) == (3, "edge", (1,))
    assert whereabouts(4) is None
    forget_whereabouts(3)
    assert whereabouts(3) is None


def test_nobody_is_asked_without_ray_which_would_start_it(kept: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(module, "internal_kv", None)
    tell_whereabouts(3)
    forget_whereabouts(3)
    assert whereabouts(3) is None
