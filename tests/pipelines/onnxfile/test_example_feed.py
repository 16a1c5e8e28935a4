import numpy as np
from onnx import TensorProto, helper, save

from pipelines.onnxfile.example_feed import example_feed


def test_it_has_every_input_with_its_shape_and_type(tmp_path) -> None:
    tokens = helper.make_tensor_value_info("input_0", TensorProto.INT64, ["batch", "length", 3])
    mask = helper.make_tensor_value_info("input_1", TensorProto.BOOL, ["batch", 7])
    output = helper.make_tensor_value_info("output", TensorProto.INT64, ["batch", "length", 3])
    node = helper.make_node("Identity", ["input_0"], ["output"])
    save(helper.make_model(helper.make_graph([node], "graph", [tokens, mask], [output])), tmp_path / "model.onnx")
    feed = eval(example_feed(tmp_path / "model.onnx", 4), {"np": np})
    assert {name: (array.shape, array.dtype) for name, array in feed.items()} == {
        "input_0": ((4, 1, 3), np.dtype("int64")),
        "input_1": ((4, 7), np.dtype("bool")),
    }
    assert not any(array.any() for array in feed.values())
