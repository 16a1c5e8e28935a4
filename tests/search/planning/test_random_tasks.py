"""Task classes put together at random of right and wrong pieces: what is called valid runs, and what is not is told."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.meters import split_scores
from pipelines.runtimes import OnnxRuntime, Target
from search.planning.reading import read_sweep
from search.study.saved import sweep_evaluator
from search.study.workspace import Workspace
from spaces import InputError
from tests.search.mutations import OTHER

pytestmark = pytest.mark.slow

CASES, SEED = 60, 20261127
BRIEF = {"teacher_epochs": 1, "student_epochs": 1, "finetune_epochs": 1, "qat_epochs": 1}
MOST_LINES, MOST_LETTERS = 40, 700

HEAD = """
import sys
import numpy
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

class Call(nn.Module):
    def __init__(self, function, **modules):
        super().__init__()
        self.function = function
        for name, module in modules.items():
            setattr(self, name, module)
    def forward(self, *inputs):
        return self.function(self, *inputs)

def mlp(width=16, depth=2):
    hidden = [part for _ in range(depth) for part in (nn.Linear(width, width), nn.ReLU())]
    return nn.Sequential(nn.Linear(6, width), nn.ReLU(), *hidden, nn.Linear(width, 3))

def normal():
    return nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), last())

def last():
    return nn.Linear(16, 3)
"""

NETWORKS = {
    "mlp": "mlp()",
    "norm": "normal()",
    "narrow": "mlp(4)",
    "odd": "mlp(13)",
    "deep": "mlp(24, 3)",
    "dropout": "nn.Sequential(nn.Linear(6, 16), nn.Dropout(0.5), nn.ReLU(), nn.Linear(16, 3))",
    "always dropout": "Call(lambda s, x: functional.dropout(s.o(x), 0.5, True), o=nn.Linear(6, 3))",
    "in place": "Call(lambda s, x: s.o(torch.relu(s.a(x.mul_(0.5)))), a=nn.Linear(6, 16), o=nn.Linear(16, 3))",
    "tuple": "Call(lambda s, x: (s.o(x), x), o=nn.Linear(6, 3))",
    "mean": "Call(lambda s, x: s.o(x).mean(0), o=nn.Linear(6, 3))",
    "fft": "Call(lambda s, x: s.o(torch.fft.fft(x).abs()), o=nn.Linear(6, 3))",
    "view": "Call(lambda s, x: s.o(torch.relu(s.a(x)).view(-1, 16)), a=nn.Linear(6, 16), o=nn.Linear(16, 3))",
    "flip": "Call(lambda s, x: s.o(torch.relu(s.a(x)).flip(1)), a=nn.Linear(6, 16), o=nn.Linear(16, 3))",
    "fixed batch": "Call(lambda s, x: s.o(x.view(12, 6)), o=nn.Linear(6, 3))",
    "frozen": "mlp().requires_grad_(False)",
    "lazy": "nn.Sequential(nn.LazyLinear(16), nn.ReLU(), nn.Linear(16, 3))",
    "double": "mlp().double()",
    "script": "torch.jit.script(mlp())",
    "spectral": "nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(6, 16)), nn.ReLU(), nn.Linear(16, 3))",
    "no weights": "nn.Flatten()",
    "two classes": "nn.Linear(6, 2)",
    "no module": "[nn.Linear(6, 3)]",
    "other depths": "mlp() if len(sys.argv) > 99 else normal()",
    "zero": "Call(lambda s, x: s.o(x) * 0, o=nn.Linear(6, 3))",
    "nan": "Call(lambda s, x: s.o(x) / 0 * 0, o=nn.Linear(6, 3))",
    "raises": "Call(lambda s, x: {}[1])",
}
BATCHES = {
    "list": "return [(x[i:i + 12], y[i:i + 12]) for i in range(0, len(y), 12)]",
    "generator": "return ((x[i:i + 12], y[i:i + 12]) for i in range(0, len(y), 12))",
    "loader": "return DataLoader(TensorDataset(x, y), batch_size=12)",
    "last of one": "return DataLoader(TensorDataset(x[:25], y[:25]), batch_size=12)",
    "ones": "return [(x[i:i + 1], y[i:i + 1]) for i in range(len(y))]",
    "lists": "return [[[x], y]]",
    "three": "return [(x, y, y)]",
    "dict": "return [({'x': x}, y)]",
    "numpy": "return [(x.numpy(), y.numpy())]",
    "double": "return [(x.double(), y)]",
    "empty": "return []",
    "empty batch": "return [(x, y), (x[:0], y[:0])]",
    "used up": "return self.__dict__.setdefault(split, iter([(x, y)]))",
    "raises": "raise OSError('no disk')",
    "raises later": "yield x, y; raise OSError('no more disk')",
    "exits": "sys.exit(3)",
    "wide": "return [(torch.cat([x, x], 1), y)]",
    "other size later": "return [(x, y)] if split == 'train' else [(x, y), (torch.cat([x, x], 1), y)]",
    "none": "return None",
    "lengths": "return [(x, y[:5])]",
    "not finite": "return [(x / 0, y)]",
}
TARGETS = {
    "classes": "y",
    "out of range": "y + 2",
    "ignored": "torch.where(torch.arange(len(y)) % 2 == 0, y, -100)",
    "all ignored": "torch.full_like(y, -100)",
    "floats": "y.float()",
    "column": "y[:, None].float()",
    "one-hot": "functional.one_hot(y, 3).float()",
    "short": "y.int()",
}
LOSSES = {
    "default": None,
    "own": "return functional.cross_entropy(outputs, targets.long())",
    "vector": "return functional.cross_entropy(outputs, targets, reduction='none')",
    "detached": "return functional.cross_entropy(outputs, targets).detach()",
    "number": "return functional.cross_entropy(outputs, targets).item()",
    "broadcast": "return functional.mse_loss(outputs[:, :1], targets.float())",
    "probabilities": "return functional.mse_loss(outputs.softmax(1), targets)",
    "raises": "return outputs.no_such_thing",
    "none": "return None",
}
SCORES = {
    "default": None,
    "own": "return (outputs.argmax(1) == targets).float()",
    "booleans": "return outputs.argmax(1) == targets",
    "mean": "return (outputs.argmax(1) == targets).float().mean()",
    "broadcast": "return (outputs.argmax(1, keepdim=True) == targets).float()",
    "numbers": "return (outputs.argmax(1) == targets).tolist()",
    "error": "return -(outputs.softmax(1) - targets).abs().mean(1)",
    "raises": "return outputs[99]",
}
EXAMPLES = {
    "row": "return self.x[:1]",
    "rows": "return self.x[:4]",
    "no batch": "return self.x[0]",
    "dict": "return {'x': self.x[:1]}",
    "list": "return [self.x[:1]]",
    "numpy": "return self.x[:1].numpy()",
    "raises": "raise FileNotFoundError('example.npy')",
    "empty": "return self.x[:0]",
}
INITS = {
    "plain": "",
    "raises": "        {}['DATA']\n",
    "exits": "        sys.exit('no licence')\n",
    "prints": "        print('hello')\n",
}
MODULES = {
    "plain": "",
    "argparse": "import argparse; argparse.ArgumentParser().parse_args()\n",
    "exits": "sys.exit(1)\n",
    "no gradients": "torch.set_grad_enabled(False)\n",
    "warnings": "import warnings; warnings.simplefilter('error')\n",
    "syntax": "def broken(:\n",
    "moves": "import os; os.chdir('/')\n",
    "raises": "1 / 0\n",
}
SPACES = {
    "students": {"student": {"depth": [1, 2]}},
    "pruned": {"student": {"depth": ["none", 1]}, "pruning": {"method": ["none", "channel"], "ratio": [0.5]}},
    "cut always": {"student": {"depth": [1]}, "pruning": {"method": "channel", "ratio": [0.25, 0.5]}},
    "zeros": {"pruning": {"method": ["none", "unstructured", "n:m"], "ratio": 0.5, "pattern": ["2:4", "4:8"]}},
    "blocks": {"student": {"depth": [1, 2]}, "pruning": {"method": ["none", "blocks"], "ratio": 0.5}},
    "features": {"student": {"depth": [1]}, "distillation": {"alpha": 0.5, "feature": ["none", "hint", "relational"]}},
    "quantized": {
        "student": {"depth": [1]},
        "pruning": {"method": ["none", "channel"], "ratio": [0.125, 0.5], "steps": [1, 20]},
        "quantization": {"scheme": ["none", "weight-int4", "static-int8", "palettize"]},
    },
    "inherited": {"student": {"depth": [1], "init": ["random", "teacher"]}},
}


def chosen(rng: random.Random, pieces: dict, wrong: float) -> str:
    """The first piece, which is right, or with probability `wrong` any."""
    return rng.choice(list(pieces)) if rng.random() < wrong else next(iter(pieces))


def source(rng: random.Random) -> tuple[str, str]:
    """A module with a class ``T``, and what it is made of: one or two pieces of it may be wrong, as with people."""
    wrong = rng.choice([0.1, 0.2, 0.4])
    parts = {
        name: chosen(rng, pieces, wrong)
        for name, pieces in (
            ("teacher", NETWORKS),
            ("student", NETWORKS),
            ("batches", BATCHES),
            ("targets", TARGETS),
            ("loss", LOSSES),
            ("score", SCORES),
            ("example", EXAMPLES),
            ("init", INITS),
            ("module", MODULES),
        )
    }
    hooks = "".join(
        f"    def {name}(self, outputs, targets): {pieces[parts[name]]}\n"
        for name, pieces in (("loss", LOSSES), ("score", SCORES))
        if pieces[parts[name]]
    )
    text = (
        f"{HEAD}\n{MODULES[parts['module']]}\nclass T:\n    def __init__(self):\n{INITS[parts['init']]}"
        "        self.x = torch.randn(48, 6, generator=torch.Generator().manual_seed(0))\n"
        f"        y = self.x[:, :3].argmax(1)\n        self.y = {TARGETS[parts['targets']]}\n"
        f"    def teacher(self): return {NETWORKS[parts['teacher']]}\n"
        f"    def student(self, depth): return {NETWORKS[parts['student']]}\n"
        f"    def batches(self, split):\n        x, y = self.x, self.y\n        {BATCHES[parts['batches']]}\n"
        f"    def example_input(self): {EXAMPLES[parts['example']]}\n{hooks}"
    )
    return text, ", ".join(f"{name} {part}" for name, part in parts.items())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("random_task_")]:
        del sys.modules[name]


def test_what_is_valid_runs_and_what_is_not_is_told_on_a_screen(folder, write_yaml, make_raw) -> None:
    rng = random.Random(SEED + OTHER)
    valid, wrong = 0, list[str]()
    for number in range(CASES):
        text, about = source(rng)
        name = f"random_task_{number}"
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
        space = SPACES[rng.choice(list(SPACES))]
        raw = make_raw(task={"use": f"{name}:T", "args": {}}, training=BRIEF) | {"space": space}
        case = f"{number}: {about}; {space}"
        try:
            config, _ = read_sweep(write_yaml(raw))
        except InputError as error:
            lines = [str(problem) for problem in error.problems]
            if len(lines) > MOST_LINES or max(map(len, lines)) > MOST_LETTERS or "Traceback" in str(error):
                wrong.append(f"{case}: told too long: {error}")
            continue
        except BaseException as error:
            wrong.append(f"{case}: not told: {error!r}")
            continue
        valid += 1
        try:
            trial(config, folder / f"home{number}", rng)
        except Exception as error:
            wrong.append(f"{case}: valid, but {type(error).__name__}: {error}")
    assert wrong == []
    assert CASES / 10 < valid < CASES * 9 / 10  # or the pieces try nothing


def trial(config, home: Path, rng: random.Random) -> None:
    """Build a random recipe of the sweep, and score its file."""
    evaluator = sweep_evaluator(config, Workspace(home))
    recipe = config.space.recipe(config.space.draw(rng))
    session = OnnxRuntime().load(evaluator.build(recipe).artifact, Target())
    assert len(split_scores(session, evaluator.task, "validation")[0])
