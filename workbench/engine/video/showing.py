"""Clips as artifacts: what a run shows of the clips it was tested on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from workbench.core.documents import Item, ItemsDoc
from workbench.core.job import Job
from workbench.core.kinds import Clips
from workbench.core.video import ClipsMeta


def show_clips(
    job: Job, slot: str, clips: NDArray[np.uint8], items: Sequence[Item], *, title: str,
    maps: NDArray[np.float32] | None = None, mapped: str = "", frames_per_s: float = 8.0, group: str = "",
) -> None:  # fmt: skip
    """Write clips (N, T, H, W, 3) with an item each: its label, what was predicted, how surely.

    `maps` (N, T, h, w) from 0 to 1 lie over the frames, `mapped` says what they show. `group` is that of items
    elsewhere that lead to these clips.
    """
    if clips.ndim != 5 or clips.shape[-1] != 3 or len(items) != len(clips):
        raise ValueError(f"clips are (N, T, H, W, 3) with N items, not {clips.shape} with {len(items)}")
    parts: Mapping[str, Any] = {"items": ItemsDoc(list(items))}
    if maps is not None:
        if maps.shape[:2] != clips.shape[:2] or maps.ndim != 4:
            raise ValueError(f"maps are (N, T, h, w) of {clips.shape[:2]} frames, not {maps.shape}")
        parts = {**parts, "maps": maps.astype(np.float32)}
    meta = ClipsMeta(frames_per_s=frames_per_s, maps=mapped if maps is not None else "", group=group)
    job.artifact(slot, Clips, clips, title=title, parts=parts, meta=msgspec.to_builtins(meta))
