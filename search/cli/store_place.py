"""Which store the commands of ``paredown store`` are about."""

from __future__ import annotations

from pipelines.store import Folder, Remote, StoreBackend
from search.study.workspace import Workspace


def store_place(url: str | None, workspace: Workspace) -> tuple[str, StoreBackend]:
    """The store behind `url`, or the workspace's own when None; with its name for people.

    Raises:
        InputError: the URL cannot be read.
    """
    if url is None:
        return str(workspace.store), Folder(workspace.store)
    remote = Remote(url)
    remote.check("--url", write=False)
    return url, remote
