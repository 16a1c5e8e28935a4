"""Ways to prune. A new one is a file here with a `Pruner`, and its line in `PRUNERS`."""

from pipelines.pruners.blocks import BlockPruner
from pipelines.pruners.channel import ChannelPruner
from pipelines.pruners.ffn import FeedForwardPruner
from pipelines.pruners.heads import HeadPruner
from pipelines.pruners.n_m import NMPruner
from pipelines.pruners.pruner import Pruner
from pipelines.pruners.pruning_request import PruningRequest, Sizes
from pipelines.pruners.unstructured import UnstructuredPruner

PRUNERS: dict[str, Pruner] = {
    pruner.name: pruner
    for pruner in (
        ChannelPruner(),
        HeadPruner(),
        FeedForwardPruner(),
        BlockPruner(),
        UnstructuredPruner(),
        NMPruner(),
    )
}

__all__ = [
    "PRUNERS",
    "BlockPruner",
    "ChannelPruner",
    "FeedForwardPruner",
    "HeadPruner",
    "NMPruner",
    "Pruner",
    "PruningRequest",
    "Sizes",
    "UnstructuredPruner",
]
