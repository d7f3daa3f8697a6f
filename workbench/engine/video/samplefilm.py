"""A video to look at without a file: one shape after the other, each doing one of the eight motions for two seconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from workbench.core.filmwriter import VideoWriter
from workbench.engine.video.motions import MOTIONS, clips

NAME = "moving shapes.mp4"
EDGE_PX, FRAMES_PER_S, FRAMES_EACH = 320, 24, 48
SEED, NOISE = 90, 0.0


def write_sample(folder: Path, tell: Callable[[int, int], None] | None = None) -> Path:
    """The sample, written once; `tell` hears of how many motions are drawn. Raises KnownTrouble without an encoder."""
    path = folder / NAME
    if path.is_file():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    with VideoWriter(path, width=EDGE_PX, height=EDGE_PX, frames_per_s=FRAMES_PER_S) as writer:
        for number, motion in enumerate(MOTIONS):
            drawn = clips(1, SEED + number, frames=FRAMES_EACH, size=EDGE_PX, motions=(motion,), noise=NOISE)
            for frame in drawn.frames[0]:
                writer.write(frame.tobytes(), writer.frames / FRAMES_PER_S)
            if tell is not None:
                tell(number + 1, len(MOTIONS))
    return path
