"""Generated data for every task, and what a slot's data is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.problem import InputError
from workbench.engine.video import grammar, motions

from .recipe import SPRITES, TASKS, ImageToVideo
from .tasks import Part, TaskData

LARGEST_PX = 64
"""Generated clips are not drawn larger than this: backbones enlarge them."""
PARTS = ("train", "validation", "test")
Whole = NDArray[np.int64]


def seed_of(seed: int, part: str) -> int:
    """The generator's seed of a part: no two parts of any two runs share one."""
    return seed * 10 + 1 + PARTS.index(part)


def asked(params: ImageToVideo) -> list[str]:
    """The tasks that are switched on; raises InputError where none is."""
    found = [name for name in TASKS if getattr(params, name)]
    if not found:
        raise InputError(
            "There is no task to compare strategies on.", expected="at least one task switched on", received="none",
            fix="Switch on motion, or another task.", field="motion",
        )  # fmt: skip
    return found


def load(job: Job, params: ImageToVideo, edge: int) -> list[TaskData]:
    """Every task's data: generated, or from the videos that the job names; `edge` is the backbone's, in pixels."""
    address = job.inputs.get("clips") or SPRITES.address
    names = asked(params)
    if address != SPRITES.address:
        from .folders import own

        return own(job, address, params, names, edge)
    return generated(params, names, seed=job.seed, size=min(edge, LARGEST_PX))


def generated(params: ImageToVideo, names: Sequence[str], *, seed: int, size: int = 32) -> list[TaskData]:
    """The tasks of these names on clips of moving sprites; those of one sprite share their clips."""
    scenes = {"grounding": _grounding, "questions": _questions}
    counts = dict(zip(PARTS, (params.clips, params.validation_clips, params.test_clips), strict=True))
    sets = {
        part: motions.clips(count, seed_of(seed, part), frames=params.frames, size=size)
        for part, count in counts.items()
    }
    makers = {"motion": _motion, "shape": _shape, "retrieval": _retrieval}
    return [
        makers[name](params, sets) if name in makers else scenes[name](params, counts, seed=seed, size=size)
        for name in names
    ]


def _plain(clips: NDArray[np.uint8], target: Whole, texts: Sequence[str] = ()) -> Part:
    return Part(clips, target, list(texts), [])


def _motion(params: ImageToVideo, sets: dict[str, motions.ClipSet]) -> TaskData:
    names = list(sets["train"].motions)
    parts = {part: _plain(one.frames, one.motion) for part, one in sets.items()}
    return TaskData("motion", "naming", names, [f"a shape {name}" for name in names], **parts)


def _shape(params: ImageToVideo, sets: dict[str, motions.ClipSet]) -> TaskData:
    """A few clips of each shape, the first ones of the training part; validated on as many."""
    names = list(sets["train"].shapes)
    parts = {}
    for part, one in sets.items():
        places = np.arange(len(one))
        if part == "train":
            places = np.concatenate([np.flatnonzero(one.shape == at)[: params.shots] for at in range(len(names))])
        parts[part] = _plain(one.frames if part != "train" else one.frames[places], one.shape[places])
    return TaskData("shape", "naming", names, [f"a {name}" for name in names], **parts)


def _retrieval(params: ImageToVideo, sets: dict[str, motions.ClipSet]) -> TaskData:
    known: dict[str, int] = {}
    parts = {}
    for part, one in sets.items():
        target = np.array([known.setdefault(text, len(known)) for text in one.captions], np.int64)
        parts[part] = _plain(one.frames, target, one.captions)
    return TaskData("retrieval", "retrieval", list(known), [], **parts)


def _grounding(params: ImageToVideo, counts: dict[str, int], *, seed: int, size: int) -> TaskData:
    parts = {}
    for part, count in counts.items():
        one = grammar.moments(count, seed_of(seed, part), frames=params.scene_frames, size=size)
        target = np.stack([one.start, one.end - 1], 1)
        parts[part] = Part(one.frames, target, one.queries, [])
    return TaskData("grounding", "grounding", [], [], **parts)


def _questions(params: ImageToVideo, counts: dict[str, int], *, seed: int, size: int) -> TaskData:
    names = list(dict.fromkeys(answer for kind in grammar.ANSWERS.values() for answer in kind))
    parts = {}
    for part, count in counts.items():
        one = grammar.questions(count, seed_of(seed, part), frames=params.frames, size=size)
        target = np.array([names.index(answer) for answer in one.answers], np.int64)
        parts[part] = Part(one.frames, target, one.questions, one.kinds)
    return TaskData("questions", "questions", names, [], **parts)


def preview(slot: str, address: str, values: dict[str, object]) -> DataPreview:
    """The first generated clips in words, or what was understood of the user's videos."""
    if address != SPRITES.address:
        from .folders import preview as look

        return look(address)
    made = motions.clips(24, seed_of(0, "train"), frames=4)
    rows = [
        [caption, made.motions[m], made.shapes[s]]
        for caption, m, s in zip(made.captions, made.motion, made.shape, strict=True)
    ]
    return DataPreview("generated", "Eight motions in four pairs, each the other backwards; six shapes in six colours.",
                       ["caption", "motion", "shape"], rows, len(rows))  # fmt: skip
