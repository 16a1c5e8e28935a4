"""Ways to prune. A new one is a file here with a `Pruner`, and its line in `PRUNERS`."""

from pipelines.pruners.channel import ChannelPruner
from pipelines.pruners.cut import Cut, Sizes
from pipelines.pruners.pruner import Pruner

PRUNERS: dict[str, Pruner] = {pruner.name: pruner for pruner in (ChannelPruner(),)}

__all__ = ["PRUNERS", "ChannelPruner", "Cut", "Pruner", "Sizes"]
