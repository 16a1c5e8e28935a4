import numpy as np

from pipelines.runtimes import example_feed


def test_it_has_every_input_with_its_shape_and_type() -> None:
    given = {"input_0": np.ones((4, 1, 3), np.int64), "input_1": np.ones((4, 7), bool), "input_2": np.ones(2, "f4")}
    feed = eval(example_feed(given), {"np": np})
    assert {name: (array.shape, array.dtype) for name, array in feed.items()} == {
        name: (array.shape, array.dtype) for name, array in given.items()
    }
    assert not any(array.any() for array in feed.values())
