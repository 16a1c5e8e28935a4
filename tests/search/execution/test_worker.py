import pytest

from search.config.sections import ClusterSection
from search.execution.worker import resources


@pytest.mark.parametrize(
    ("cluster", "config", "bundle"),
    [
        ({"cpus_per_trial": 2}, {}, {"CPU": 2.0}),
        ({"gpus_per_trial": 0.5}, {"shares_gpu": True}, {"CPU": 1.0, "GPU": 0.5}),
        ({"gpus_per_trial": 0.5}, {"shares_gpu": False}, {"CPU": 1.0, "GPU": 1.0}),
        ({"memory_per_trial": "2GB"}, {}, {"CPU": 1.0, "memory": 2e9}),
    ],
    ids=["processors", "a shared GPU", "a GPU without neighbours", "memory"],
)
def test_a_trial_takes_what_its_sweep_says(cluster, config, bundle) -> None:
    assert resources(ClusterSection(**cluster), config).bundles == [bundle]
