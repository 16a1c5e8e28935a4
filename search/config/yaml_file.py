"""YAML that people write, as YAML 1.2 reads it: small, plain and finite; mistakes are told with their place.

The core schema of YAML 1.2 knows text, numbers, true, false and null, and writes each in one way, so that ``1e-3`` is a
number and ``no``, ``1:30`` or ``2024-05-01`` are text. Source: https://yaml.org/spec/1.2.2/, chapter 10.3.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from search.config.persons_file import read_file
from spaces import InputError, shown

LARGEST_FILE = 500_000
"""Bytes."""

MOST_VALUES = 50_000
"""How many values a file may have, each alias counted with all that it stands for."""

DEEPEST = 50
"""How many mappings and lists may lie in each other."""

LARGEST_INTEGER = 2**63 - 1

_TAG = "tag:yaml.org,2002:"
_CORE: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "null": (r"~|null|Null|NULL|", lambda text: None),
    "bool": (r"true|True|TRUE|false|False|FALSE", lambda text: text.lower() == "true"),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", lambda text: _integer(text)),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        lambda text: float(re.sub(r"\.(?=[iInN])", "", text)),
    ),
}
"""How each kind of value is written, and what reads it; what is written otherwise is text."""


class _Loader(yaml.SafeLoader):
    """The core schema, and ``<<`` to merge mappings; an alias stands for a copy: no two places share a value."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own tables are of the class
    yaml_constructors: dict[str | None, Any] = {}  # type: ignore[misc] # noqa: RUF012

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = self.count = 0
        self.open: set[str] = set()

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """See `yaml.composer.Composer`."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) and event.anchor in self.open:
            raise _mistake(f"*{event.anchor} stands for what it is part of", event)
        self.depth += 1
        self.count += 1
        if self.depth > DEEPEST:
            raise _mistake(f"more than {DEEPEST} lists and mappings lie in each other here", event)
        if self.count > MOST_VALUES:
            raise _mistake(f"more than {MOST_VALUES:,} values up to here", event)
        if isinstance(event, yaml.AliasEvent):
            node = super().compose_node(parent, index)
            copied = self._copy(node, event) if node else None
        else:
            self.open |= {event.anchor} if event.anchor else set()
            copied = super().compose_node(parent, index)
            self.open -= {event.anchor}
        self.depth -= 1
        return copied

    def _copy(self, node: yaml.Node, event: yaml.Event) -> yaml.Node:
        self.count += 1
        if self.count > MOST_VALUES:
            raise _mistake(f"more than {MOST_VALUES:,} values up to here, aliases written out", event)
        value = node.value
        if isinstance(node, yaml.SequenceNode):
            value = [self._copy(each, event) for each in value]
        elif isinstance(node, yaml.MappingNode):
            value = [(self._copy(key, event), self._copy(each, event)) for key, each in value]
        return type(node)(node.tag, value, node.start_mark, node.end_mark)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """See `yaml.SafeLoader`; a key given twice is a mistake, not a silent choice of the last."""
        seen: set[str] = set()
        for key in (key for key, _ in node.value) if isinstance(node, yaml.MappingNode) else ():
            value = key.value if key.tag == f"{_TAG}merge" else self.construct_object(key, deep=True)
            if isinstance(value, bool) or not isinstance(value, (str, int)):
                raise _mistake(f"the key {shown(value)} is not text; write it in quotes", key)
            if str(value) in seen:
                raise _mistake(f"{shown(value)} is given twice", key)
            seen.add(str(value))
        return super().construct_mapping(node, deep)

    def construct_core(self, node: yaml.Node) -> Any:
        """The value of a scalar, however its tag came about."""
        kind = node.tag.removeprefix(_TAG)
        form, read = _CORE[kind]
        if not isinstance(node, yaml.ScalarNode):
            raise _mistake(f"a list or a mapping cannot be !!{kind}", node)
        if not re.fullmatch(form, node.value):
            raise _mistake(f"{shown(node.value)} is not written as !!{kind}", node)
        try:
            return read(node.value)
        except ValueError as error:
            raise _mistake(str(error), node) from None

    def construct_text(self, node: yaml.ScalarNode) -> str:
        """Text that can be written to a file again, and be part of a path."""
        text = str(self.construct_scalar(node))
        if bad := re.search("[\0\ud800-\udfff]", text):
            raise _mistake(f"the character {bad[0]!r} cannot be part of a text", node)
        return text

    def construct_unknown(self, node: yaml.Node) -> Any:
        """Refuse a tag."""
        tag = node.tag.replace(_TAG, "!!")
        raise _mistake(
            f"the tag {shown(tag)} is not known; legal: text, numbers, true, false, null, lists and mappings", node
        )


def _integer(text: str) -> int:
    number = int(text, {"0o": 8, "0x": 16}.get(text[:2], 10)) if len(text) < 100 else LARGEST_INTEGER + 1
    if abs(number) > LARGEST_INTEGER:
        raise ValueError(f"{shown(text)} is too large for a whole number of 64 bits; in quotes it is text")
    return number


def _mistake(message: str, place: yaml.Node | yaml.Event) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, message, place.start_mark)  # type: ignore[arg-type]


class _Dumper(yaml.SafeDumper):
    """Text that YAML 1.1 or 1.2 would read as something else is put in quotes: whatever reads it reads the same."""

    def represent_text(self, text: str) -> yaml.ScalarNode:
        """A scalar; PyYAML would break the line at these characters, and not read them again."""
        style = '"' if re.search("[\x85\u2028\u2029]", text) else None
        return self.represent_scalar(f"{_TAG}str", text, style)


for _kind, (_form, _) in _CORE.items():
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(f"{_TAG}{_kind}", re.compile(rf"(?:{_form})\Z"), None)  # type: ignore[no-untyped-call]
    _Loader.add_constructor(f"{_TAG}{_kind}", _Loader.construct_core)
_Loader.add_implicit_resolver(f"{_TAG}merge", re.compile(r"<<\Z"), ["<"])  # type: ignore[no-untyped-call]
for _kind in ("str", "merge"):
    _Loader.add_constructor(f"{_TAG}{_kind}", _Loader.construct_text)
_Dumper.add_representer(str, _Dumper.represent_text)
_Loader.add_constructor(f"{_TAG}seq", yaml.SafeLoader.construct_yaml_seq)  # type: ignore[type-var]
_Loader.add_constructor(f"{_TAG}map", yaml.SafeLoader.construct_yaml_map)  # type: ignore[type-var]
_Loader.add_constructor(None, _Loader.construct_unknown)  # type: ignore[type-var]


def read_yaml(path: Path) -> Any:
    """The content of the YAML file at `path`; no two places of it share a list or a mapping.

    Raises:
        InputError: it cannot be read, is too large, or is not YAML; with line and column.
    """
    try:
        content = read_file(path, LARGEST_FILE, "not a file that a person has written")
    except OSError as error:
        raise InputError.at(str(path), f"cannot be read: {error.strerror}") from error
    try:
        return parse_yaml(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError.at(str(path), "cannot be read: it is not UTF-8 text") from error
    except yaml.YAMLError as error:
        mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
        line = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise InputError.at(line, f"not YAML: {reason(error)}") from error


def parse_yaml(text: str) -> Any:
    """The value that `text` is in YAML.

    Raises:
        yaml.YAMLError: it is not YAML.
    """
    return yaml.load(text, _Loader)


def reason(error: yaml.YAMLError) -> str:
    """Return what is wrong, in one line and without the place."""
    words = error.problem if isinstance(error, yaml.MarkedYAMLError) else error
    if isinstance(error, yaml.composer.ComposerError) and str(words).startswith("but "):  # the rest of its sentence
        words = f"{error.context}, {words}"
    return str(words).partition("\n")[0]


def write_yaml(data: Any) -> str:
    """`data` as YAML, with keys in their order; `parse_yaml` reads the same from it."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
