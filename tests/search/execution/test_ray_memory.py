import psutil

from search.execution.ray_memory import offered_memory


def test_it_is_a_part_of_what_there_is() -> None:
    assert 0 < offered_memory() < psutil.virtual_memory().total
