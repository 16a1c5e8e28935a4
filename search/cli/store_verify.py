"""``paredown store verify``."""

from __future__ import annotations

from search.cli.output import out, print_json
from search.cli.store_place import store_place
from search.errors import SweepError
from search.study.workspace import Workspace


def store_verify(url: str | None, as_json: bool) -> None:
    """See `search.cli.store_app.verify`.

    Raises:
        SweepError: entries are damaged.
    """
    name, place = store_place(url, Workspace.default())
    keys = sorted(record.key for record in place.records())
    damaged = [key for key in keys if place.damaged(key)]
    if as_json:
        print_json({"store": name, "entries": len(keys), "damaged": damaged})
    else:
        out().print(
            f"{name}: {len(keys) - len(damaged)} of {len(keys)} entries are whole", markup=False, soft_wrap=True
        )
    if damaged:
        option = f" --url {url}" if url else ""
        raise SweepError(
            f"{len(damaged)} damaged (they are not used, and computed again when they are needed): "
            f"{', '.join(damaged)}; remove them with: paredown store clean{option}"
        )
