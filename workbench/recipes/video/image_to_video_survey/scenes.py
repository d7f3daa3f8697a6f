"""Where queries were found: some longer test clips as one video; below it what is true, and what strategies say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workbench.core.audio import Segment, Tier, TiersDoc
from workbench.core.filmwriter import VideoWriter
from workbench.core.job import Job
from workbench.core.kinds import Clip
from workbench.core.problem import KnownTrouble

from .tasks import TaskData

SHOWN, FRAMES_PER_S, SEEN_PX = 6, 8.0, 256
"""Clips of the video, its pace, and how high small pictures are drawn at least."""


def show(job: Job, task: TaskData, said: Mapping[str, NDArray[np.int64]], films: dict[str, Path]) -> None:
    """Write the video once, and its tiers: queries, the truth, and each strategy's spans (N, 2) of test clips.

    `films` keeps the video for later calls. Where none can be encoded the log says so, and nothing is shown.
    """
    document = tiers(task, said)
    try:
        content = films.get(task.name) or (lambda path: write(path, task.test.clips[:SHOWN]))
        films[task.name] = job.artifact("spans", Clip, content, title="Where queries were found",
                                        parts={"tiers": document})  # fmt: skip
    except KnownTrouble as trouble:
        job.log(f"Where queries were found is not shown as a video: {trouble.what} {trouble.fix}")


def tiers(task: TaskData, said: Mapping[str, NDArray[np.int64]]) -> TiersDoc:
    """Queries over their clips, and below them spans, which hold their first and last frame."""
    count, frames = min(SHOWN, len(task.test)), task.test.clips.shape[1]
    long_s = frames / FRAMES_PER_S

    def placed(spans: NDArray[np.int64]) -> list[Segment]:
        return [
            Segment(at * long_s + first / FRAMES_PER_S, at * long_s + (last + 1) / FRAMES_PER_S, task.test.texts[at])
            for at, (first, last) in enumerate(spans[:count].tolist())
        ]

    queries = [Segment(at * long_s, (at + 1) * long_s, task.test.texts[at]) for at in range(count)]
    rows = [Tier("query", segments=queries), Tier("truth", segments=placed(task.test.target))]
    rows += [Tier(name, segments=placed(spans)) for name, spans in said.items()]
    return TiersDoc(rows, duration_s=count * long_s)


def write(path: Path, clips: NDArray[np.uint8]) -> None:
    """Clips (N, T, H, W, 3), one after the other, small ones enlarged by whole factors."""
    frames = clips.reshape(-1, *clips.shape[2:])
    times = -(-SEEN_PX // frames.shape[1])
    height, width = frames.shape[1] * times, frames.shape[2] * times
    with VideoWriter(path, width=width, height=height, frames_per_s=FRAMES_PER_S) as writer:
        for at, frame in enumerate(frames):
            large = frame.repeat(times, 0).repeat(times, 1)
            writer.write(large.tobytes(), at / FRAMES_PER_S)
