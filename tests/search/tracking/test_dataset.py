import json

import torch
from torch.utils.data import DataLoader, TensorDataset

from pipelines import load_task
from pipelines.identity import TaskIdentity
from search.tracking.dataset import dataset_input


class Loaded:
    """Data loaders know how long they are; the test split is not to be opened."""

    def batches(self, split):
        if split == "test":
            raise LookupError("a search never sees the test split")
        size = {"train": 12, "calibration": 4, "validation": 6}[split]
        return DataLoader(TensorDataset(torch.zeros(size, 3), torch.zeros(size)), batch_size=5)

    def example_input(self):
        return torch.zeros(1, 3), torch.zeros(1, 2, dtype=torch.int64)


def test_the_data_is_known_by_the_fingerprint_of_the_tasks_sources(config) -> None:
    task = load_task("digits")
    data = dataset_input(config, task).dataset
    assert data.name == "digits"
    assert data.digest == TaskIdentity.of_source(task, "digits", {}).fingerprint
    assert len(data.digest) <= 36  # what MLflow takes
    assert json.loads(data.source) == {"task": "digits", "args": {}}
    assert json.loads(data.schema) == {"example_input": [{"shape": [1, 1, 8, 8], "dtype": "torch.float32"}]}
    assert json.loads(data.profile) == {}  # only a pass over a generator would tell


def test_sizes_are_told_where_they_cost_nothing(config) -> None:
    data = dataset_input(config, Loaded()).dataset
    assert json.loads(data.profile) == {"train examples": 12, "calibration examples": 4, "validation examples": 6}
    assert [shape["shape"] for shape in json.loads(data.schema)["example_input"]] == [[1, 3], [1, 2]]
