"""Channel pruning beside Torch-Pruning as one calls it by hand: the same ratio, rounding and measure of importance.

Torch-Pruning's pruner is given the network, an example and the layers that give the network's output, and for a vision
transformer the heads of each projection, of which it then cuts the widths; no more is done for it. Parameters are those
of the network, latency is that of the exported files: processor time on one thread, all files in turns of a random
order, each after a call that is not timed, as the ratio of the 10th percentiles to the uncut network's. timm has to be
installed for some networks.

    python benchmarks/by_hand.py resnet18 regnety_002 unet cnn_1d vit_tiny_patch16_224
"""

from __future__ import annotations

import argparse
import copy
import sys
import tempfile
from functools import partial
from pathlib import Path

import onnxruntime
import torch
import torch_pruning
from torch import Tensor, nn

from benchmarks.turns import call_seconds
from benchmarks.zoo_networks import CLASSES, NETWORKS, Zoo
from pipelines.formats import FORMATS
from pipelines.importances import L2
from pipelines.pruners import ChannelPruner, PruningRequest
from pipelines.runtimes import to_feed


def ours(network: nn.Module, example: Tensor, ratio: float, round_to: int) -> nn.Module:
    """A copy of `network` pruned by Paredown."""
    model, pruner = copy.deepcopy(network), ChannelPruner()
    sizes = pruner.sizes(model, example)
    pruner.prune(model, PruningRequest(example, ratio, sizes, L2(), {"round_to": round_to}))
    return model


def by_hand(network: nn.Module, example: Tensor, ratio: float, round_to: int) -> nn.Module:
    """A copy of `network` pruned by Torch-Pruning."""
    model = copy.deepcopy(network)
    last = [
        module
        for module in model.modules()
        if getattr(module, "out_features", getattr(module, "out_channels", 0)) == CLASSES
    ]
    attention = [module for module in model.modules() if hasattr(module, "qkv") and hasattr(module, "num_heads")]
    for each in attention:
        each.fused_attn = False
    pruner = torch_pruning.pruner.MagnitudePruner(
        model,
        example,
        torch_pruning.importance.GroupMagnitudeImportance(p=2),
        pruning_ratio=ratio,
        round_to=round_to,
        ignored_layers=last,
        num_heads={each.qkv: each.num_heads for each in attention},
    )
    pruner.step()
    for each in attention:
        each.head_dim = each.qkv.out_features // (3 * each.num_heads)
        each.attn_dim = each.num_heads * each.head_dim
    return model


def row(name: str, ratio: float, round_to: int) -> str:
    """The line of the network called `name` in a table in Markdown."""
    task = Zoo(name)
    network, example = task.teacher().eval(), task.example_input()
    models: dict[str, nn.Module] = {"whole": network}
    failed: dict[str, str] = {}
    for who, prune in (("Paredown", ours), ("Torch-Pruning", by_hand)):
        try:
            models[who] = prune(network, example, ratio, round_to).eval()
            models[who](example)
        except Exception as error:  # whatever a library does
            models.pop(who, None)
            failed[who] = f"{type(error).__name__}: {' '.join(str(error).split())[:60]}"
    times = latencies(models, example)
    cells = []
    for who in ("Paredown", "Torch-Pruning"):
        if who in failed:
            cells += [failed[who], ""]
        else:
            share = count(models[who]) / count(network)
            cells += [f"{share:.3f}", f"{times[who] / times['whole']:.2f}"]
    return f"| {name} | {count(network):,} | {' | '.join(cells)} |"


def count(model: nn.Module) -> int:
    """The number of parameters."""
    return sum(parameter.numel() for parameter in model.parameters())


def latencies(models: dict[str, nn.Module], example: Tensor) -> dict[str, float]:
    """The processor time of each network's file, in seconds."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    with tempfile.TemporaryDirectory() as folder:
        sessions = {}
        for number, (who, model) in enumerate(models.items()):
            file = Path(folder) / f"{number}.onnx"
            FORMATS["onnx"].export(model, (example,), file)
            sessions[who] = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        feed = to_feed(example)
        return call_seconds({who: partial(session.run, None, feed) for who, session in sessions.items()})


def main() -> int:
    """Run the benchmark; see the module's documentation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="+", choices=list(NETWORKS), metavar="NETWORK", help="which to prune")
    parser.add_argument("--ratio", type=float, default=0.5, help="share of channels to remove (default: 0.5)")
    parser.add_argument("--round-to", type=int, default=8, help="widths are multiples of it (default: 8)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    print("| network | parameters | Paredown: parameters | latency | Torch-Pruning: parameters | latency |")
    print("|---|---|---|---|---|---|")
    for name in args.networks:
        print(row(name, args.ratio, args.round_to), flush=True)
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    sys.exit(main())
