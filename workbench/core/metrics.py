"""Which end of a metric is the good one, told from its name: charts, lists and comparisons agree on it."""

from __future__ import annotations

from typing import Literal

LOW_IS_GOOD = ("loss", "error", "perplexity", "distance", "seconds")
UNJUDGED = ("learning_rate", "joint")
"""Metrics of which no value is better than another: schedules, and losses that pull against each other."""

Better = Literal["low", "high", ""]


def better(name: str) -> Better:
    """'low' or 'high', or '' where no value is better; `name` may carry its series ('loss/validation')."""
    metric = name.partition("/")[0]
    if metric in UNJUDGED:
        return ""
    return "low" if any(word in metric for word in LOW_IS_GOOD) else "high"
