"""Time and error of a transformer in 8 and 16 bits: which operators become integers, how weights are stored, smoothing.

Rows with "fused" are of files in which ONNX Runtime's optimizer for transformers has made one operator each of GELU, of
a sum and its normalization, and of attention where it finds one, before they were quantized.

An encoder of MiniLM's size (6 layers of width 384) with a padding mask and random weights, one sentence at a time, on
one thread. Files take turns, so that what disturbs one disturbs all; times are processor time, as ratios to fp32.

    python benchmarks/transformer_int8.py --rounds 40
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers.optimizer import optimize_model
from torch import Tensor, nn

from pipelines.formats import OnnxFormat
from pipelines.quantizers import Calibration, DynamicInt8, StaticInt8, WeightFp16
from pipelines.quantizers.mitigations import mitigate
from pipelines.runtimes import Artifact, OnnxRuntime, Target, to_feed

WORDS, LENGTH, WIDTH, LAYERS, HEADS, SENTENCES = 2000, 32, 384, 6, 12, 64


class Classifier(nn.Module):
    """Embeddings, an encoder that does not look at padding, and a linear layer on the first token."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.place = nn.Embedding(WORDS, WIDTH), nn.Parameter(0.02 * torch.randn(LENGTH, WIDTH))
        layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 4 * WIDTH, 0.0, "gelu", batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)
        for parameter in self.encoder.parameters():  # its layers begin as copies, which an exporter stores once
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)
        self.head = nn.Linear(WIDTH, 2)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """The logits, shape (batch, 2)."""
        hidden = self.encoder(self.embedding(tokens) + self.place, src_key_padding_mask=mask == 0)
        return self.head(hidden[:, 0])  # type: ignore[no-any-return]


def files(folder: Path, calibration: Calibration, example: tuple[Tensor, ...]) -> dict[str, Path]:
    """The network in fp32 and in every form of int8, by name."""
    OnnxFormat().export(Classifier().eval(), example, folder / "exported.onnx")
    source = folder / "fp32.onnx"
    OnnxFormat().prepare(folder / "exported.onnx", source)
    found = {"fp32": source}
    for operators in ("all", "matmul-conv"):
        found[f"static-int8, {operators}"] = folder / f"{operators}.onnx"
        params = {"calibrator": "minmax", "granularity": "channel", "operators": operators}
        StaticInt8().quantize(source, folder / f"{operators}.onnx", calibration, params)
    found["dynamic-int8"] = folder / "dynamic.onnx"
    DynamicInt8().quantize(source, folder / "dynamic.onnx", calibration, {})
    smoothed = folder / "smoothed.onnx"
    smoothed.write_bytes(source.read_bytes())
    mitigate(smoothed, {"mitigation": "smooth"}, calibration)
    found["static-int8, matmul-conv, smooth"] = folder / "smooth-static.onnx"
    params = {"calibrator": "minmax", "granularity": "channel", "operators": "matmul-conv"}
    StaticInt8().quantize(smoothed, folder / "smooth-static.onnx", calibration, params)
    found["dynamic-int8, smooth"] = folder / "smooth-dynamic.onnx"
    DynamicInt8().quantize(smoothed, folder / "smooth-dynamic.onnx", calibration, {})
    found["weight-fp16"] = folder / "halves.onnx"
    WeightFp16().quantize(source, folder / "halves.onnx", calibration, {})
    found["dynamic, unsigned, per tensor"] = folder / "unsigned.onnx"
    quantize_dynamic(onnx.load(source), folder / "unsigned.onnx", weight_type=QuantType.QUInt8)
    fused = optimize_model(str(source), "bert", num_heads=HEADS, hidden_size=WIDTH, opt_level=0).model
    for index, node in enumerate(fused.graph.node):
        node.name = node.name or f"{node.op_type}_{index}"
    onnx.save(fused, folder / "fused.onnx")
    attention = sum(node.op_type == "Attention" for node in fused.graph.node)
    found[f"fp32, fused, {attention} × attention"] = folder / "fused.onnx"
    found["dynamic-int8, fused"] = folder / "fused-dynamic.onnx"
    DynamicInt8().quantize(folder / "fused.onnx", folder / "fused-dynamic.onnx", calibration, {})
    found["static-int8, matmul-conv, fused"] = folder / "fused-static.onnx"
    StaticInt8().quantize(folder / "fused.onnx", folder / "fused-static.onnx", calibration, params)
    return found


def main() -> None:
    """Print a line for each form."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds
    torch.manual_seed(0)
    mask = (torch.arange(LENGTH) < torch.randint(LENGTH // 2, LENGTH + 1, (SENTENCES, 1))).long()
    tokens = torch.randint(1, WORDS, (SENTENCES, LENGTH)) * mask
    calibration = Calibration(lambda: list(zip(tokens.split(16), mask.split(16), strict=True)))
    one, every = to_feed((tokens[:1], mask[:1])), to_feed((tokens, mask))
    with tempfile.TemporaryDirectory() as folder:
        made = files(Path(folder), calibration, (tokens[:1], mask[:1]))
        sessions = {name: OnnxRuntime().load(Artifact(path, "onnx"), Target()) for name, path in made.items()}
        expected = sessions["fp32"].run(every)
        took: dict[str, list[float]] = {name: [] for name in made}
        for _ in range(rounds):
            for name, session in sessions.items():
                begin = time.process_time()
                session.run(one)
                took[name].append(time.process_time() - begin)
        print(f"{'':32}{'time / fp32 (quartiles)':>26}{'signal over noise':>20}")
        for name, session in sessions.items():
            ratios = np.array(took[name]) / np.array(took["fp32"])
            low, middle, high = np.quantile(ratios, (0.25, 0.5, 0.75))
            noise = float(np.square(session.run(every) - expected).sum())
            decibel = f"{10 * np.log10(float(np.square(expected).sum()) / noise):.1f} dB" if noise else "–"
            print(f"{name:32}{f'{middle:.2f} ({low:.2f} to {high:.2f})':>26}{decibel:>20}")


if __name__ == "__main__":
    main()
