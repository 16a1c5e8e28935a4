import pytest

LONGEST = ("test_survival.py", "test_command_line.py", "test_pages.py")
"""The files that all others can be done beside: they begin first, so that nothing waits for them in the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))
