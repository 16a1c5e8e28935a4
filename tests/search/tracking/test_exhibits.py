import csv

import pytest
from PIL import Image

from search.study.state import SweepState
from search.tracking.exhibits import IMPORTANCE, IMPORTANCE_PICTURE, PAGE, PARALLEL, TABLE, write_front, write_overview
from search.tracking.exhibits import write_picture as draw


@pytest.fixture
def trials(config, make_trial):
    points = list(config.space.points())[:14]
    made = [make_trial(n, (0.5 + n / 100, 1.0 + n / 10, 2.0), params=point) for n, point in enumerate(points, start=1)]
    return [make_trial(0, (0.9, 4.0, 2.0)), *made]


def test_the_front_is_a_page_a_table_and_a_picture(config, trials, tmp_path) -> None:
    state = SweepState.of(trials, config)
    write_front(tmp_path, config, state, trials)
    picture = draw(tmp_path, config, state, trials)
    assert {path.name for path in tmp_path.iterdir()} == {PAGE, TABLE, picture.name}
    width, height = Image.open(picture).size
    assert width < 1.5 * height  # one panel, as the UI shows it small


def test_the_overview_has_importances_once_there_are_trials_enough(config, trials, tmp_path) -> None:
    write_overview(tmp_path, config, SweepState.of(trials[:5], config), trials[:5])
    assert {path.name for path in tmp_path.iterdir()} == {PARALLEL}
    write_overview(tmp_path, config, SweepState.of(trials, config), trials)
    assert {path.name for path in tmp_path.iterdir()} == {PARALLEL, IMPORTANCE, IMPORTANCE_PICTURE}
    rows = list(csv.DictReader((tmp_path / IMPORTANCE).read_text(encoding="utf-8").splitlines()))
    assert {row["objective"] for row in rows} == {"accuracy", "latency_ms", "size_mb"}
