"""Which end of a metric is the better one, told by its name."""

from __future__ import annotations

from typing import Literal

LOW_IS_GOOD = ("loss", "error", "perplexity", "distance", "seconds", "drop")
UNJUDGED = ("learning_rate", "joint")
"""Metrics of which no value is better than another: schedules, and losses that pull against each other."""

JUDGED = ("validation", "overall")
"""Series by which a run is judged, the first that is there."""

Better = Literal["high", "low", ""]


def better(metric: str) -> Better:
    """'high', 'low', or '' where no value is better than another."""
    if metric in UNJUDGED:
        return ""
    return "low" if any(word in metric for word in LOW_IS_GOOD) else "high"
