"""A person's own clips: class folders, or a list of labelled stretches; divided by video where nobody did."""

from __future__ import annotations

import collections
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.problem import InputError
from workbench.engine.video.clipsets import ClipSpec, classes_of, load_readable, read_list

from .data import CLASS, Data, Part
from .recipe import DistImageToVideo

TEST_SHARE, VALIDATION_SHARE = 0.2, 0.15
SHOWN = 8


def divided(specs: Sequence[ClipSpec], seed: int) -> dict[str, list[ClipSpec]]:
    """Train, validation and test clips: as the list divides them, else by video, so that a video is in one part.

    What a list calls validation is the test where it names none, as with Kinetics and Something-Something. The part
    that chooses the step is then taken from the training videos. A class with two videos has one of them in the test.
    """
    parts: dict[str, list[ClipSpec]] = {"train": [], "validation": [], "test": []}
    for one in specs:
        parts[one.split or "train"].append(one)
    if not parts["test"]:
        parts["test"], parts["validation"] = parts["validation"], []
    chance = np.random.default_rng([seed, 0xC11])
    if not parts["test"]:
        parts["test"], parts["train"] = _taken(parts["train"], TEST_SHARE, chance)
    if not parts["validation"]:
        parts["validation"], parts["train"] = _taken(parts["train"], VALIDATION_SHARE, chance)
    return parts


def _taken(
    specs: Sequence[ClipSpec], share: float, chance: np.random.Generator
) -> tuple[list[ClipSpec], list[ClipSpec]]:  # fmt: skip
    """A share of each class's videos, one at least where it has two, and the rest."""
    by_class: dict[str, list[str]] = collections.defaultdict(list)
    first = {one.path: one.label for one in reversed(specs)}  # a video of several classes counts for its first
    for path in dict.fromkeys(one.path for one in specs):
        by_class[first[path]].append(path)
    chosen: set[str] = set()
    for paths in by_class.values():
        count = min(max(1, round(share * len(paths))), len(paths) - 1)
        chosen |= {paths[int(at)] for at in chance.permutation(len(paths))[:count]}
    return [one for one in specs if one.path in chosen], [one for one in specs if one.path not in chosen]


def own_clips(job: Job, address: str, params: DistImageToVideo, edge: int) -> Data:
    """The clips of a folder or a list, read at `edge` pixels, frames chosen by segments.

    Raises InputError where there are no two classes, or no videos to test on.
    """
    job.phase("reading the list of clips")
    specs = read_list(Path(address), job.log)
    classes = classes_of(specs)
    if len(classes) < 2:
        raise InputError(
            "There is nothing to tell apart.", expected="two classes at least", received=", ".join(classes) or "none",
            fix="Put each class's videos into a folder of its own, or choose a list with labels.", field="clips",
        )  # fmt: skip
    parts = divided(specs, job.seed)
    held = {params.validation: "validation", params.test: "test"}
    for most, part in held.items():
        if len(parts[part]) > most:
            places = np.sort(np.random.default_rng([job.seed, most]).permutation(len(parts[part]))[:most])
            parts[part] = [parts[part][int(at)] for at in places]
            job.log(f"{most} of the {part} clips are looked at.")
    made = {}
    for part, chosen in parts.items():
        if not chosen:
            raise InputError(
                f"There are no clips for the {part} part.", expected="two videos of a class at least",
                received=f"{len(specs)} clips of {len({one.path for one in specs})} videos",
                fix="Add videos, or name the parts in the list.", field="clips",
            )  # fmt: skip
        job.phase(f"reading {part} clips")
        found, kept, notes = load_readable(chosen, params.frames, edge, tell=job.progress)
        for one in notes:
            job.log(one)
        labels = np.array([classes.index(one.label) for one in kept], np.int64)
        made[part] = Part(found, {CLASS: labels}, tuple(name_of(one) for one in kept))
    return Data(made["train"], made["validation"], made["test"], {CLASS: tuple(classes)})


def name_of(spec: ClipSpec) -> str:
    """What a clip is called: its video, and its stretch where it is not all of it."""
    name = Path(spec.path).name
    return name if not spec.start_s and spec.end_s is None else f"{name}, from {spec.start_s:g} s"


def preview_folder(address: str) -> DataPreview:
    """What a folder or a list holds: its first clips, its classes, how it is divided."""
    notes: list[str] = []
    specs = read_list(Path(address), notes.append)
    counts = collections.Counter(one.label for one in specs)
    rows = [[name_of(one), one.label, one.split] for one in specs[:SHOWN]]
    splits = collections.Counter(one.split or "not divided" for one in specs)
    detail = ", ".join([f"{count} {name}" for name, count in splits.items()] + notes[:2])
    return DataPreview("Clips", detail, ["clip", "class", "part"], rows, row_count=len(specs), labels=dict(counts))
