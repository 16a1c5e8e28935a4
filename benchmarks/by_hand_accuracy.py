"""Accuracy after the same fine-tuning of networks whose channels Paredown has cut, and Torch-Pruning called by hand.

A network is trained on the digits (those of the zoo on larger ones, in three colours), pruned both ways with the same
ratio, rounding and measure of importance, and both are trained on with the same batches and settings. It is repeated
with other seeds; accuracies are those of 720 images that nothing was trained on, and the interval (95 %, Student's t)
is that of the difference in the same repeat.
What is called by hand, and how parameters and latency are compared, is told in ``by_hand.py``.

    python benchmarks/by_hand_accuracy.py cnn vit resnet18 --repeats 5
"""

from __future__ import annotations

import argparse
import copy
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from scipy import stats
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.by_hand import by_hand, count, latencies, ours
from benchmarks.zoo_networks import IMAGES, timm_network
from pipelines.tasks.digits import network

BATCH = 64

OF_THE_ZOO = ("resnet18", "mobilenetv3_small_050", "regnety_002", "ghostnet_050", "convnext_atto")
"""Networks of the zoo that take images of any size."""

LARGE = 32
"""The width and height of the digits that they are given."""

NETWORKS: Mapping[str, Callable[[], nn.Module]] = {
    "cnn": lambda: network(3, 32),
    "vit": lambda: timm_network(
        "vit_tiny_patch16_224", img_size=8, patch_size=2, in_chans=1, depth=2, embed_dim=64, num_heads=4
    ),
    **{name: IMAGES[name] for name in OF_THE_ZOO},
}
"""A residual CNN with 32 channels; of timm, a vision transformer of two blocks with patches of 2 × 2, and others."""


Examples = tuple[Tensor, Tensor]
"""Images (N, 1, 8, 8) or (N, 3, 32, 32) in 0…1 and their labels (N,)."""


def digits(name: str) -> tuple[Examples, Examples]:
    """1,077 images to train the network called `name` on, and 720 others."""
    images, labels = load_digits(return_X_y=True)
    x, y = torch.tensor(images, dtype=torch.float32).view(-1, 1, 8, 8) / 16, torch.tensor(labels)
    if name in OF_THE_ZOO:
        x = functional.interpolate(x, size=(LARGE, LARGE), mode="bilinear").expand(-1, 3, -1, -1).contiguous()
    kept, rest = train_test_split(range(len(y)), test_size=720, random_state=0, stratify=y)
    return (x[kept], y[kept]), (x[rest], y[rest])


def train(model: nn.Module, examples: Examples, epochs: int, seed: int, rate: float) -> None:
    """Train `model` with AdamW and a rate that rises and falls to zero, on batches that depend on `seed` alone."""
    torch.manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), rate)
    batches = [chosen for _ in range(epochs) for chosen in torch.randperm(len(examples[1])).split(BATCH)]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=len(batches))
    model.train()
    for chosen in batches:
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(examples[0][chosen]), examples[1][chosen])
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    model.eval()


@torch.no_grad()
def accuracy(model: nn.Module, examples: Examples) -> float:
    """The share of right answers."""
    return float((model(examples[0]).argmax(1) == examples[1]).float().mean())


def repeat(name: str, args: argparse.Namespace, seed: int) -> dict[str, tuple[float, float, float]]:
    """Accuracy, and parameters and latency as shares of the whole network's, of the three networks of one repeat."""
    examples, others = digits(name)
    torch.manual_seed(seed)
    whole = NETWORKS[name]()
    train(whole, examples, args.epochs, seed, args.rate)
    example = others[0][:1]
    models = {"whole": whole}
    for who, prune in (("Paredown", ours), ("Torch-Pruning", by_hand)):
        models[who] = prune(copy.deepcopy(whole), example, args.ratio, args.round_to)
        train(models[who], examples, args.finetune, seed + 1_000, args.rate / 2)
    times = latencies(models, example)
    return {
        who: (accuracy(model, others), count(model) / count(whole), times[who] / times["whole"])
        for who, model in models.items()
    }


def row(name: str, args: argparse.Namespace) -> str:
    """The line of the network called `name` in a table in Markdown."""
    found = [repeat(name, args, seed) for seed in range(args.repeats)]
    values = {who: np.array([each[who] for each in found]) for who in found[0]}
    cells = [f"{values['whole'][:, 0].mean():.4f}"]
    for who in ("Paredown", "Torch-Pruning"):
        accuracy, parameters, latency = values[who].mean(0)
        cells += [f"{parameters:.3f}", f"{latency:.2f}", f"{accuracy:.4f}"]
    gap = values["Paredown"][:, 0] - values["Torch-Pruning"][:, 0]
    half = float(stats.t.ppf(0.975, len(gap) - 1) * gap.std(ddof=1) / len(gap) ** 0.5)
    return f"| {name} | {' | '.join(cells)} | {gap.mean():+.4f} ± {half:.4f} |"


def main() -> int:
    """Run the benchmark; see the module's documentation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="+", choices=list(NETWORKS), metavar="NETWORK", help="which to prune")
    parser.add_argument("--repeats", type=int, default=5, help="how many seeds, 2 at least (default: 5)")
    parser.add_argument("--epochs", type=int, default=12, help="of the whole network's training (default: 12)")
    parser.add_argument("--finetune", type=int, default=6, help="epochs after the cut (default: 6)")
    parser.add_argument("--rate", type=float, default=2e-3, help="the highest learning rate (default: 0.002)")
    parser.add_argument("--ratio", type=float, default=0.5, help="share of channels to remove (default: 0.5)")
    parser.add_argument("--round-to", type=int, default=8, help="widths are multiples of it (default: 8)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(
        "| network | whole: accuracy | Paredown: parameters | latency | accuracy "
        "| Torch-Pruning: parameters | latency | accuracy | difference |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name in args.networks:
        print(row(name, args), flush=True)
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    sys.exit(main())
