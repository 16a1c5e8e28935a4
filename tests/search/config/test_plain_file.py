import pytest

from pipelines import Training
from search.config.plain_file import check_plain, read_plain
from search.config.sections import ClusterSection, TaskSection

LEGAL = {"sweep": "a", "task": {"use": "digits"}, "space": {}}


def test_a_legal_file_has_all_sections_and_nothing_wrong() -> None:
    file, problems, wrong = check_plain({**LEGAL, "training": {"qat_epochs": 1}})
    assert file is not None
    assert file.training == Training(qat_epochs=1)
    assert (problems, wrong) == ([], set())


@pytest.mark.parametrize(
    ("raw", "wrong"),
    [
        ({**LEGAL, "cluster": {"cpus_per_trial": 0, "addres": "x"}}, {"cpus_per_trial", "addres", "address"}),
        ({**LEGAL, "cluster": {"colour": "red"}}, {"colour"}),
    ],
    ids=["a slip of a key", "no key at all"],
)
def test_a_key_that_is_wrong_or_meant_by_an_unknown_one_is_not_known(raw, wrong) -> None:
    file, _, found = check_plain(raw)
    assert file is None
    assert found == {f"cluster.{key}" for key in wrong}


def test_a_section_is_read_without_its_wrong_keys() -> None:
    raw = {"cluster": {"cpus_per_trial": 0, "gpus_per_trial": 0.5}, "task": {"args": {}}, "training": 3}
    left = read_plain(ClusterSection, raw, "cluster", {"cluster.cpus_per_trial"})
    assert left == ClusterSection(gpus_per_trial=0.5)
    assert read_plain(ClusterSection, {}, "cluster", ()) == ClusterSection()
    assert read_plain(ClusterSection, raw, "cluster", {"cluster"}) is None
    assert read_plain(TaskSection, raw, "task", ()) is None
    assert read_plain(Training, raw, "training", ()) is None
