import pytest
import torch

LONGEST = ("test_survival.py", "test_command_line.py", "test_pages.py")
"""The files that all others can be done beside: they begin first, so that nothing waits for them in the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="there is no GPU here"))
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))
