"""The task hf-text with a small random model and a tokenizer of a dozen words, from a folder."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import torch

from pipelines.formats import FORMATS
from pipelines.preflight import preflight
from pipelines.scores import gathering_of
from pipelines.stages import STEPS
from pipelines.tasks.declared import free_axes
from pipelines.tasks.files import task_files
from pipelines.tasks.task import Task, load_task, make_student, make_teacher
from pipelines.tasks.tensors import as_tuple
from spaces import InputError, SearchSpace

transformers = pytest.importorskip("transformers", reason="the extra hf is not installed")

WORDS = ["good", "bad", "film", "plot", "a", "the", "very", "is"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as one brings it: configuration, tokenizer, weights."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    folder = tmp_path_factory.mktemp("model")
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(special + WORDS)}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=12, hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=48,
        max_position_embeddings=16,
    )  # fmt: skip
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    chance = np.random.default_rng(0)
    labels = chance.integers(0, 2, 60)
    texts = [f"the film is {'very ' * int(chance.integers(0, 3))}{('bad', 'good')[label]}" for label in labels]
    rows = {"text": texts, "label": [("negative", "positive")[each] for each in labels], "stars": labels * 2.5 + 0.5}
    file = tmp_path_factory.mktemp("data") / "reviews.csv"
    pd.DataFrame(rows).to_csv(file, index=False)
    return file


def task_of(model: Path, data: Path, **args) -> Task:
    return load_task("hf-text", {"model": str(model), "data": str(data), "length": 8, **args})


def test_it_is_valid_as_it_comes_with_derived_students(model: Path, data: Path) -> None:
    task = task_of(model, data, scores=["f1", "auc"])
    space = SearchSpace.parse({"student": {"depth": ["none", 2], "init": ["random", "teacher"]}}, STEPS)
    found = preflight(task, space)
    assert found.problems == []
    assert [warning.partition(":")[0] for warning in found.warnings] == ["task.args.data"]


def test_students_have_fewer_blocks_and_heads(model: Path, data: Path) -> None:
    task = task_of(model, data)
    teacher, student = make_teacher(task), make_student(task, 2, 0.5)
    assert [len(network.bert.encoder.layer) for network in (teacher, student)] == [3, 2]
    query = student.bert.encoder.layer[0].attention.self.query
    assert (query.in_features, query.out_features) == (16, 16)


def test_inputs_keep_their_names_and_lengths_are_free_where_they_are_asked_to_be(model, data, tmp_path) -> None:
    task = task_of(model, data, free_length=True, batch_size=2)
    network = make_teacher(task).eval()
    FORMATS["onnx"].export(network, as_tuple(task.example_input()), tmp_path / "model.onnx", free_axes(task))
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    shapes = set()
    for inputs, _ in task.batches("validation"):
        (found,) = session.run(None, {name: values.numpy() for name, values in inputs.items()})
        assert np.allclose(found, network(*as_tuple(inputs)).detach().numpy(), atol=1e-4)
        shapes.add(inputs["input_ids"].shape[1])
    assert [each.name for each in session.get_inputs()] == sorted(task.example_input())
    assert len(shapes) > 1


def test_the_reader_beside_a_model_reads_a_sentence_as_the_task_does(model: Path, data: Path, tmp_path: Path) -> None:
    task = task_of(model, data)
    for name, content in task_files(task).items():
        (tmp_path / name).write_bytes(content)
    sentence = pd.read_csv(data).text[int(task._rows["train"][0])]
    code = "import reader, numpy; numpy.savez('fed', **reader.feed()); reader.show(numpy.array([[0.0, 9.0]]))"
    command = [sys.executable, "-c", code, sentence]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["positive", "1.000"]
    fed = np.load(tmp_path / "fed.npz")
    assert {name: fed[name].tolist() for name in fed} == {
        name: values.tolist() for name, values in task.example_input().items()
    }


def test_numbers_are_regressed(model: Path, data: Path) -> None:
    task = task_of(model, data, label="stars", scores=["rmse"])
    inputs, targets = next(iter(task.batches("validation")))
    assert (task.loss, targets.shape[1:]) == ("mse", (1,))
    gathering = gathering_of(task)
    gathering.add(make_teacher(task).eval()(*as_tuple(inputs)).detach(), targets)
    assert set(gathering.measurement().metrics) == {"rmse"}


def test_a_language_model_predicts_the_next_token(model: Path, data: Path, tmp_path: Path) -> None:
    config = transformers.GPT2Config(vocab_size=12, n_embd=32, n_layer=2, n_head=2, n_positions=16, bos_token_id=2)
    config.save_pretrained(tmp_path)
    for file in model.glob("tokenizer*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    task = task_of(tmp_path, data, head="causal-lm", pretrained=False, scores=["perplexity"])
    space = SearchSpace.parse({"student": {"depth": ["none", 1]}}, STEPS)
    assert preflight(task, space).problems == []
    assert make_teacher(task).eval()(*as_tuple(task.example_input())).shape == (1, 8, 12)


@pytest.fixture(scope="module")
def tagged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sentences whose words have labels."""
    lines = ["the film is good", "the plot is very bad", "a good plot", "the bad film"] * 15
    labels = [" ".join("QUALITY" if word in ("good", "bad") else "O" for word in line.split()) for line in lines]
    file = tmp_path_factory.mktemp("tagged") / "words.csv"
    pd.DataFrame({"text": lines, "label": labels}).to_csv(file, index=False)
    return file


def test_words_have_labels_of_their_own(model: Path, tagged: Path, tmp_path: Path) -> None:
    task = task_of(model, tagged, head="token-classification", scores=["f1"], batch_size=4)
    space = SearchSpace.parse({"student": {"depth": ["none", 1]}}, STEPS)
    assert preflight(task, space).problems == []
    inputs, targets = next(iter(task.batches("validation")))
    network = make_teacher(task).eval()
    assert network(*as_tuple(inputs)).shape == (4, 8, 2)
    words = [WORDS[token - 4] for token in inputs["input_ids"][0] if token >= 4]
    wanted = [int(word in ("good", "bad")) for word in words]
    assert targets[0].tolist() == [-100, *wanted, *[-100] * (7 - len(words))]
    shorter = task_of(model, tagged, head="token-classification", free_length=True, batch_size=1)
    assert {len(targets[0]) for _, targets in shorter.batches("validation")} <= {5, 6, 7}
    for name, content in task_files(task).items():
        (tmp_path / name).write_bytes(content)
    code = "import reader, numpy; reader.feed(); reader.show(numpy.eye(2)[None, [0, 0, 1, 0, 0]])"
    command = [sys.executable, "-c", code, "a good film"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["a O", "good QUALITY", "film O"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "nowhere/nothing"}, "'nowhere/nothing': its tokenizer cannot be loaded: no folder here"),
        ({"text": "texts"}, "the data has no such column: 'texts'"),
        ({"head": "tagging"}, "legal: classification, token-classification, causal-lm"),
    ],
    ids=["model", "column", "head"],
)
def test_what_is_not_there_is_told(model: Path, data: Path, changes, message: str, monkeypatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match=message):
        task_of(**{"model": model, "data": data, **changes})


def test_the_fingerprint_follows_the_weights(model: Path, data: Path) -> None:
    task = task_of(model, data)
    before = task.fingerprint()
    network = make_teacher(task)
    with torch.no_grad():
        network.classifier.bias.add_(1)
    network.save_pretrained(model)
    assert task_of(model, data).fingerprint() != before
