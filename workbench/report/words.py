"""Moments as reports write them: whole, since nobody knows when one is read."""

from __future__ import annotations

import time


def moment(epoch_s: float) -> str:
    """'2026-01-31 14:25', in this machine's time."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(epoch_s)) if epoch_s else "n/a"
