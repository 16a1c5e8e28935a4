"""The tasks of one's own in docs/examples, on small local data."""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.io import wavfile

from pipelines.meters import METRICS
from pipelines.preflight import preflight
from pipelines.stages import STEPS
from pipelines.tasks.task import load_task
from search.config.sweep_config import load_config
from spaces import SearchSpace

EXAMPLES = Path(__file__).parents[2] / "docs/examples"


def test_the_regression_of_a_table_is_valid(tmp_path: Path) -> None:
    columns = np.random.default_rng(0).normal(size=(60, 4))
    pd.DataFrame(columns).assign(strength=columns @ np.arange(4.0)).to_csv(tmp_path / "data.csv", index=False)
    task = load_task("docs.examples.strength:Strength", {"data": str(tmp_path / "data.csv")})
    space = SearchSpace.parse(
        {"student": {"depth": ["none", 2]}, "pruning": {"method": "channel", "ratio": 0.5}}, STEPS
    )
    assert preflight(task, space).problems == []


def test_the_u_net_is_valid() -> None:
    task = load_task("docs.examples.shapes:Shapes", {})
    assert preflight(task, SearchSpace.parse({"student": {"depth": ["none", 1]}}, STEPS)).problems == []


def test_keywords_in_wav_files_are_valid(tmp_path: Path) -> None:
    for word, pitch in (("yes", 0.1), ("no", 0.3)):
        (tmp_path / word).mkdir()
        for number in range(12):
            wave = 8_000 * np.sin(pitch * np.arange(1_500 + 50 * number))
            wavfile.write(tmp_path / word / f"{number}.wav", 2_000, wave.astype("int16"))
    task = load_task("docs.examples.keywords:Keywords", {"data": str(tmp_path), "rate": 2_000})
    space = SearchSpace.parse(
        {"student": {"depth": ["none", 2]}, "pruning": {"method": "channel", "ratio": 0.5}}, STEPS
    )
    assert preflight(task, space).problems == []
    assert {int(label) for _, labels in task.batches("validation") for label in labels} == {0, 1}


def test_each_sweep_optimises_what_its_task_scores() -> None:
    for name in ("images", "reviews", "language", "strength", "shapes", "keywords"):
        config = load_config(EXAMPLES / f"{name}.yaml")
        assert all(METRICS[objective.name].direction == objective.direction for objective in config.objectives)
