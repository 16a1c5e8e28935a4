"""YAML files that people write: mistakes are told with their place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from spaces import InputError


class _UniqueKeys(yaml.SafeLoader):
    """YAML in which a key given twice is an error, not a silent choice of the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """See `yaml.SafeLoader`."""
        seen: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} is given twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> Any:
    """The content of the YAML file at `path`.

    Raises:
        InputError: it cannot be read, or is not YAML; with line and column.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _UniqueKeys)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InputError.at(str(path), f"cannot be read: {reason}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise InputError.at(line, f"not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise InputError.at(str(path), f"not YAML: {error}") from error
