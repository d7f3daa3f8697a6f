"""Made-up clips as recipes write them: a bright square that goes its way, with what was predicted."""

from pathlib import Path

import msgspec
import numpy as np

from workbench.core import events as ev
from workbench.core.documents import Item, ItemsDoc, write
from workbench.core.video import ClipsMeta

WAYS = {"rising": (0, -1), "falling": (0, 1), "to the left": (-1, 0), "to the right": (1, 0)}


def clips(folder: Path, count: int = 24, *, frames: int = 8, size: int = 32, wrong_every: int = 5) -> ev.Artifact:
    """`count` clips of squares, every `wrong_every`-th taken for another motion, with maps of where they are."""
    rng = np.random.default_rng(0)
    names = list(WAYS)
    made = np.empty((count, frames, size, size, 3), np.uint8)
    maps = np.zeros((count, frames, 8, 8), np.float32)
    items = []
    for at in range(count):
        name = names[at % len(names)]
        made[at] = rng.integers(20, 60, (size, size, 3), dtype=np.uint8)
        colour = rng.integers(150, 255, 3)
        for frame in range(frames):
            x, y = (int(size / 2 + way * (frame - frames / 2) * size / frames * 0.7) for way in WAYS[name])
            made[at, frame, max(y - 4, 0) : y + 4, max(x - 4, 0) : x + 4] = colour
            maps[at, frame, min(y * 8 // size, 7), min(x * 8 // size, 7)] = 1.0
        wrong = at % wrong_every == wrong_every - 1
        told = names[(at + 1) % len(names)] if wrong else name
        items.append(Item(f"square {at}", name, told, float(rng.uniform(0.4, 1)), "test", at))
    np.save(folder / "clips.npy", made, allow_pickle=False)
    np.save(folder / "clips.maps.npy", maps, allow_pickle=False)
    write(folder / "clips.items.json", ItemsDoc(items))
    meta = msgspec.to_builtins(ClipsMeta(8.0, "where the square is"))
    parts = {"items": "clips.items.json", "maps": "clips.maps.npy"}
    return ev.Artifact(slot="clips", kind="clips", path="clips.npy", parts=parts, meta=meta, step=10)
