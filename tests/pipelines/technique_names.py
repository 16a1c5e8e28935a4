"""Which names a technique has that its protocol does not know: a misspelt declaration would be among them."""

from __future__ import annotations


def unknown_names(technique: object, protocol: type) -> set[str]:
    """The public attributes of `technique` that are no members of `protocol`."""
    members = {name for base in protocol.__mro__ for name in (*vars(base), *vars(base).get("__annotations__", {}))}
    return {name for name in dir(technique) if not name.startswith("_")} - members
