"""ONNX files as graphs: layers, shapes, and what ONNX Runtime makes of them."""
