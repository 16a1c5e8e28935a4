"""A network on disk: weights as safetensors, and how to build the structure that they fit into as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_model, save_model
from torch import nn

from pipelines.pruners import PRUNERS
from pipelines.tasks.task import TEACHER, Task, make_student, make_teacher

Edit = Mapping[str, Any]
"""One entry of a structure: ``{"network": "teacher"}``, ``{"network": "student", "depth": 2, "width": 1.0}``
or ``{"pruner": name, "history": …}``; with the ``name`` of another teacher, and what is a student's ``own``."""


def pruned_weights(structure: Sequence[Edit]) -> set[str]:
    """The names of the weights in which pruners have left zeros that must stay, see `Pruner.prune`."""
    histories = [edit["history"] for edit in structure if "pruner" in edit]
    return {name for history in histories if isinstance(history, Mapping) for name in history.get("weights", ())}


@dataclass(frozen=True)
class Checkpoint:
    """A network and the edits that lead to its structure from the task's own networks."""

    model: nn.Module
    structure: Sequence[Edit]

    def save(self, folder: Path) -> None:
        """Write ``weights.safetensors`` and ``structure.json`` into `folder`."""
        save_model(self.model, str(folder / "weights.safetensors"))
        (folder / "structure.json").write_text(json.dumps(list(self.structure), indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, task: Task) -> Checkpoint:
        """The network saved in `folder`, rebuilt from `task`, in evaluation mode, on the CPU."""
        structure = json.loads((folder / "structure.json").read_text(encoding="utf-8"))
        model = build(structure, task)
        load_model(model, str(folder / "weights.safetensors"))
        return cls(model.eval(), structure)


def build(structure: Sequence[Edit], task: Task) -> nn.Module:
    """A network of the given structure; its weights mean nothing yet."""
    origin, *edits = structure
    model = _origin(origin, task)
    for edit in edits:
        PRUNERS[edit["pruner"]].replay(model.eval(), task.example_input(), edit["history"])
    return model


def _origin(edit: Edit, task: Task) -> nn.Module:
    if edit["network"] == "teacher":
        return make_teacher(task, edit.get("name", TEACHER))
    return make_student(task, edit["depth"], edit.get("width", 1), **edit.get("own", {}))
