"""Which way a metric is better, where nobody has said so."""

from __future__ import annotations

LOW_IS_GOOD = ("loss", "error", "perplexity", "distance", "seconds")
"""A metric with one of these words in its name is better the lower it is; every other one the higher."""


def low_is_good(metric: str) -> bool:
    """Whether a metric of this name should fall."""
    return any(word in metric for word in LOW_IS_GOOD)
