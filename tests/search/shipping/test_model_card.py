from dataclasses import replace

import pytest

from pipelines import Training
from search.shipping.model_card import UNKNOWN, model_card


@pytest.fixture
def card(bundle):
    return lambda **given: model_card(bundle(**given), "- prune: {ratio: 0.5}\n", {"model.onnx": "c" * 64})


def section(card: str, title: str) -> str:
    return card.split(f"## {title}\n\n")[1].split("\n## ")[0]


def test_it_begins_with_what_the_file_is_and_how_it_was_made(card) -> None:
    text = card()
    assert text.startswith("# small: ch0.5")
    details = section(text, "Model details")
    assert "`model.onnx` (ONNX, 9 bytes) is trial 3 of the Paredown sweep `small`." in details
    assert "It was chosen as the least size_mb of 2 of 2 front members." in details
    assert "SHA-256: `" + "c" * 64 + "`" in details
    assert "```yaml\n- prune: {ratio: 0.5}\n```" in details


def test_it_says_what_it_knows_nothing_of(card) -> None:
    assert UNKNOWN in section(card(), "Intended use")


def test_both_splits_are_told_with_how_sure_they_are(card) -> None:
    found = section(card(), "Evaluation data")
    assert "it was opened\nfor this file on 1970-01-02" in found
    assert "| validation | 0.95 | 0.93 to 0.97 | 400 |" in found
    assert "| test | 0.94 | not known | 500 |" in found


def test_settings_of_training_are_told_as_far_as_they_are_set(bundle) -> None:
    given = bundle()
    training = Training(optimizer={"name": "sgd", "momentum": 0.9}, learning_rate=0.1, weight_decay=0.0,
                        finetune={"learning_rate": 0.02})  # fmt: skip
    config = replace(given.config, training=training)
    text = model_card(replace(given, sweep=replace(given.sweep, config=config)), "", {})
    told = section(text, "Training data").partition("Training: ")[2].rstrip(".\n").split(", ")
    assert {"optimizer.name sgd", "optimizer.momentum 0.9", "learning_rate 0.1", "finetune.learning_rate 0.02",
            "channels_last false"} <= set(told)  # fmt: skip
    assert not [each for each in told if each.startswith(("clip_norm", "qat."))], "nobody has set them"


def test_figures_stand_beside_the_teachers(card) -> None:
    found = section(card(), "Quantitative analyses")
    assert "| accuracy | 0.95 | 0.93 to 0.97 | 0.96 |  |" in found
    assert "| latency_ms | 2 |  | 4 |  |" in found
    assert "measured again" not in found


def test_figures_that_were_measured_again_replace_the_sweeps(card) -> None:
    found = section(card(remeasured=True), "Quantitative analyses")
    assert "| latency_ms | 2.5 |  | 4 |  |" in found
    assert "These were measured again after the search, side by side with the rest of the front." in found


@pytest.mark.parametrize("current", [True, False])
def test_its_caveats_fit_the_file(card, current) -> None:
    found = section(card(current=current), "Caveats and recommendations")
    assert "it is on the front with a probability of 0.75" in found
    assert ("It was made with another version of Paredown" in found) is not current
    assert "The test split was opened for several trials" not in found
