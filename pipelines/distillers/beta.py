"""The weight that the distillers of features share."""

from spaces import Interval, Parameter

BETA = Parameter(
    "distillation.beta",
    Interval(0, 1_000, open_low=True),
    default=1,
    help="weight of the features in the loss, beside labels and outputs",
)
"""Each loss is scaled so that 1 is a sensible beginning."""
