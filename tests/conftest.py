import pytest

LONGEST = ("test_survival.py", "test_command_line.py", "test_pages.py")
"""The files that all others can be done beside: they begin first, so that nothing waits for them in the end."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "gpu" not in config.option.markexpr:  # tests for a GPU are asked for, not skipped
        rest = [item for item in items if not item.get_closest_marker("gpu")]
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("gpu")])
        items[:] = rest
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))
