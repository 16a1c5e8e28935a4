import pytest
from pydantic import ValidationError

from pipelines import Training
from pipelines.training.settings import GENTLE_RATE, QAT_RATE, Hyperparameters, Overrides

SGD = {"name": "sgd", "momentum": 0.9, "nesterov": True}


@pytest.mark.parametrize(
    ("given", "where", "message"),
    [
        ({"teacher_epochs": -1}, ("teacher_epochs",), "is out of range; legal: a whole number >= 0"),
        ({"student_epochs": 2.5}, ("student_epochs",), "is not a whole number"),
        ({"learning_rate": 0}, ("learning_rate",), "is out of range; legal: a number > 0"),
        ({"learning_rates": 1}, ("learning_rates",), "not permitted"),
        ({"finetune": {"learning_rate": 2}}, ("finetune", "learning_rate"), "is out of range"),
        ({"finetune": {"epochs": 5}}, ("finetune",), "has no epochs; they stand in training itself, as teacher_epochs"),
        ({"qat": {"precision": "bf16"}}, ("qat",), "bf16 is too coarse to learn rounding in; legal: fp32"),
        ({"optimizer": "sgdd"}, ("optimizer",), "'sgdd' is not known (did you mean 'sgd'?); legal: adafactor"),
        ({"optimizer": "LBFGS"}, ("optimizer",), "cannot be used here: it evaluates the loss several times a step"),
        ({"optimizer": {"name": "sgd", "beta": 1}}, ("optimizer",), "an argument of sgd: 'beta' is not known; legal:"),
        ({"optimizer": {"name": "sgd", "lr": 1}}, ("optimizer",), "sgd has lr: that is training.learning_rate"),
        ({"optimizer": {"name": "sgd", "nesterov": True}}, ("optimizer",), "Nesterov momentum requires a momentum"),
        ({"optimizer": 3}, ("optimizer",), "3 is neither a name such as sgd nor a mapping"),
        (
            {"optimizer": "sgd"},
            (),
            "optimizer: sgd needs its own learning_rate and weight_decay: the default is meant for AdamW",
        ),
        ({"finetune": {"optimizer": "rprop"}}, (), "optimizer: rprop needs its own learning_rate: the default"),
        ({"warmup_epochs": 6, "teacher_epochs": 5}, (), "warmup_epochs: 6 is too long for teacher_epochs: 5"),
        (
            {"warmup_epochs": 17, "schedule": "wsd"},
            (),
            "warmup_epochs: 17 is too long for teacher_epochs: 20; a warm-up must end within 16 of them",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_an_illegal_setting_is_refused_by_name(given: dict, where: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Training(**given)
    (error,) = caught.value.errors()
    assert error["loc"] == where
    assert message in error["msg"]


def test_sections_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Training().teacher_epochs = 3  # type: ignore[misc]


def test_each_kind_has_what_is_common_and_what_is_its_own() -> None:
    training = Training(
        optimizer=SGD, learning_rate=0.1, weight_decay=5e-4, finetune={"learning_rate": 0.01, "optimizer": "adamw"}
    )
    assert training.of("teacher") == training.of("student")
    assert (training.of("student").optimizer, training.of("student").learning_rate) == (SGD, 0.1)
    tuned = training.of("finetune")
    assert (tuned.optimizer, tuned.learning_rate, tuned.weight_decay) == ({"name": "adamw"}, 0.01, 5e-4)


def test_rounding_is_learned_at_a_tenth_of_the_rate_and_in_single_precision() -> None:
    training = Training(precision="bf16", learning_rate=0.1)
    assert (training.of("qat").learning_rate, training.of("qat").precision) == (QAT_RATE * 0.1, "fp32")
    assert training.of("student").precision == "bf16"
    assert Training(qat={"learning_rate": 0.3}).of("qat").learning_rate == 0.3


def test_what_was_trained_elsewhere_is_trained_gently_unless_a_rate_is_named_for_it() -> None:
    training = Training(learning_rate=0.1, finetune={"learning_rate": 0.05})
    assert training.of("teacher", gentle=True).learning_rate == pytest.approx(GENTLE_RATE * 0.1)
    assert training.of("qat", gentle=True).learning_rate == pytest.approx(GENTLE_RATE * QAT_RATE * 0.1)
    assert training.of("finetune", gentle=True).learning_rate == 0.05


def test_a_common_warm_up_is_for_networks_that_begin_anew() -> None:
    training = Training(warmup_epochs=5)
    assert [training.of(kind).warmup_epochs for kind in ("teacher", "student", "finetune", "qat")] == [5, 5, 0, 0]
    assert Training(finetune={"warmup_epochs": 1}).of("finetune").warmup_epochs == 1


def test_what_differs_may_be_any_hyperparameter() -> None:
    assert set(Overrides.model_fields) == set(Hyperparameters.model_fields)


def test_written_and_read_again_it_is_the_same() -> None:
    training = Training(optimizer=SGD, learning_rate=0.1, weight_decay=0, finetune={"ema": 0.9, "optimizer": "adamw"})
    again = Training(**training.model_dump())
    assert again == training
    assert again.of("finetune") == training.of("finetune")


def test_only_what_changes_a_result_is_in_the_key_of_a_stage() -> None:
    settings = Training().of("teacher").settings()
    assert set(settings) == set(Hyperparameters.model_fields)
    assert "cuda_graph" not in settings
    assert settings == Training(cuda_graph=False, student_epochs=3, qat={"ema": 0.5}).of("teacher").settings()
