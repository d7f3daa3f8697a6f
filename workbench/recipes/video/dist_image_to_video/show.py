"""What a run shows: accuracies, mistakes with reversed pairs side by side, clips with attention, and costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.documents import Column, ConfusionDoc, Item, ItemsDoc, TableDoc
from workbench.core.job import Job
from workbench.core.kinds import Confusion, Outcomes, Table
from workbench.engine.devices import Place
from workbench.engine.video.costs import Cost
from workbench.engine.video.showing import show_clips

from .data import CLASS, Data, Part
from .recipe import ARMS, DIST, FULL, DistImageToVideo

if TYPE_CHECKING:
    from .method import Said

SHOWN = 16
LISTED = 400
MEGA = 1e6


def accuracies(
    job: Job, data: Data, right: Mapping[str, NDArray[np.bool_]], mixed: Mapping[str, float]
) -> None:  # fmt: skip
    """Each task's accuracy on test clips, with the frames in order and shuffled, and what guessing gives."""
    columns = [Column("task", "text"), Column("in order", best="high"), Column("shuffled"), Column("by guessing")]
    rows: list[list[Any]] = []
    chance = {name: float(np.bincount(truth).max() / len(truth)) for name, truth in data.test.labels.items()}
    for name, one in right.items():
        if name == "joint" and len(data.tasks) == 1:
            continue
        label = "all at once" if name == "joint" else name
        rows.append([label, round(float(one.mean()), 4), _rounded(mixed.get(name)), _rounded(chance.get(name))])
    caption = f"Share of {len(data.test)} test clips named right, frames in order and shuffled; guessing: always the "
    caption += "most frequent class."
    if CLASS not in data.tasks:
        caption += " Without the order of frames no more than half of the motions can be named: they come in pairs "
        caption += "that only time's direction tells apart."
    job.artifact("accuracies", Table, TableDoc(columns, rows, caption), title="What is recognised")


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def items(part: Part, tasks: Mapping[str, Sequence[str]], found: Said) -> list[Item]:
    """Each clip: what it is, what it is taken for, how surely (of all tasks at once)."""
    guess = {name: found.scores[name].argmax(1) for name in tasks}
    made = []
    for at, text in enumerate(part.names):
        label = ", ".join(classes[int(part.labels[name][at])] for name, classes in tasks.items())
        taken = ", ".join(classes[int(guess[name][at])] for name, classes in tasks.items())
        score = float(np.prod([found.scores[name][at].max() for name in tasks]))
        made.append(Item(text, label, taken, score=round(score, 4), source=at))
    return made


def clips(
    job: Job, part: Part, tasks: Mapping[str, Sequence[str]], found: Said, params: DistImageToVideo, *,
    most: int = SHOWN, title: str = "Test clips",
) -> None:  # fmt: skip
    """Some clips, half of them mistaken where there are so many, with DiST's spatial query over every frame."""
    told = items(part, tasks, found)
    wrong = [at for at, one in enumerate(told) if one.label != one.predicted]
    right = [at for at, one in enumerate(told) if one.label == one.predicted]
    half = max(most - len(right), most // 2)
    places = sorted((wrong[:half] + right[: most - len(wrong[:half])])[:most])
    maps = None
    if found.attention is not None and params.arm == DIST:
        maps = over_frames(found.attention[places], part.frames.shape[1])
    show_clips(job, "clips", part.frames[places], [told[at] for at in places], title=title, maps=maps,
               mapped="attention of the spatial query")  # fmt: skip


def over_frames(attention: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """Attention (N, T, h, w) of the frames that the encoder saw, spread over all (N, F, h, w); 1 is a clip's most."""
    spread = np.repeat(attention, frames // attention.shape[1], axis=1)
    most = spread.max((1, 2, 3), keepdims=True)
    found: NDArray[np.float32] = (spread / np.maximum(most, 1e-9)).astype(np.float32)
    return found


def confusions(job: Job, data: Data, found: Said) -> None:
    """True (row) against named class for each task: the first into 'confusion', the second into 'appearance'."""
    listed = ItemsDoc(items(data.test, data.tasks, found))
    for slot, (name, classes) in zip(("confusion", "appearance"), data.tasks.items(), strict=False):
        truth, guess = data.test.labels[name], found.scores[name].argmax(1)
        counts = np.zeros((len(classes), len(classes)), int)
        cells: dict[str, list[int]] = {}
        for at, (true, named) in enumerate(zip(truth, guess, strict=True)):
            counts[true, named] += 1
            cells.setdefault(f"{true},{named}", []).append(at)
        job.artifact(slot, Confusion, ConfusionDoc(list(classes), counts.tolist(), cells),
                     title=f"True (row) against named {name}, test clips", parts={"items": listed})  # fmt: skip


def predictions(job: Job, data: Data, found: Said) -> None:
    """Test clips one by one."""
    columns = [Column("clip", "text")]
    for name in data.tasks:
        columns += [Column(name, "text"), Column(f"{name}, named", "text"), Column(f"{name}, probability")]
    rows: list[list[Any]] = []
    for at, text in enumerate(data.test.names[:LISTED]):
        row: list[Any] = [text]
        for name, classes in data.tasks.items():
            scores = found.scores[name][at]
            best = int(scores.argmax())
            row += [classes[int(data.test.labels[name][at])], classes[best], round(float(scores[best]), 4)]
        rows.append(row)
    left = len(data.test) - len(rows)
    caption = f"{left} more are not listed." if left else ""
    job.artifact("predictions", Table, TableDoc(columns, rows, caption), title="Test clips one by one")


def outcomes(job: Job, slot: str, right: NDArray[Any]) -> None:
    """For claims: which test clips are named right."""
    job.artifact(slot, Outcomes, right.astype(np.float32)[:, None],
                 meta={"columns": ["named right"], "measure": "mean"})  # fmt: skip


def costs(job: Job, found: Mapping[str, Cost], place: Place, *, batch: int) -> None:
    """Seconds and bytes of a training step of each method, and as shares of full fine-tuning's."""
    columns = [
        Column("method", "text"), Column("learns", digits=0), Column("step", unit="ms", digits=1, best="low"),
        Column("of full fine-tuning", digits=2), Column("peak memory", unit="MB", digits=1, best="low"),
        Column("of full", digits=2),
    ]  # fmt: skip
    full = found[FULL]
    rows: list[list[Any]] = []
    for arm in (one for one in ARMS if one in found):
        one = found[arm]
        rows.append([
            arm, one.learning, round(one.seconds * 1000, 2), round(one.seconds / full.seconds, 4),
            round(one.peak_bytes / MEGA, 3), round(one.peak_bytes / full.peak_bytes, 4),
        ])  # fmt: skip
    caption = (
        f"Forward, backward and update of {batch} clips on {place.name}, frozen features computed on the fly, median "
        "of five. Memory: weights, optimizer, activations and gradients at their most, as torch allocates it."
    )
    job.artifact("costs", Table, TableDoc(columns, rows, caption), title="What a training step costs")
