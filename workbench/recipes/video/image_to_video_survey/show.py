"""What a run shows: the grid as it fills, the table of costs, what predictions looked like."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from workbench.core.documents import Column, ConfusionDoc, Item, ItemsDoc, TableDoc
from workbench.core.job import Job
from workbench.core.kinds import Confusion, Embedding, ImageGrid, Outcomes, Table
from workbench.engine.video.showing import show_clips

from .recipe import STRATEGIES, TASKS
from .tasks import Floats, Scored, TaskData

if TYPE_CHECKING:
    from .method import Course, Grid

MEASURES = {"naming": "accuracy", "retrieval": "R@1", "questions": "accuracy", "grounding": "mIoU"}
SHOWN_CLIPS, LISTED = 12, 20
AHEAD = np.float32(0.03)
"""What frozen strategies are given on shapes in `shape_accuracy_3_ahead`: to be ahead then is to be within 3 points."""
CELL, TALL, SIDE, TOP, GAP = 112, 44, 270, 64, 3
# Anchors of a scale whose lightness rises evenly (viridis), from the lowest value to the highest.
_SCALE = np.array([(68, 1, 84), (72, 40, 120), (62, 74, 137), (49, 104, 142), (38, 130, 142), (31, 158, 137),
                   (53, 183, 121), (110, 206, 88), (181, 222, 43), (253, 231, 37)], np.float64)  # fmt: skip


def called(name: str) -> str:
    """'F1 linear probe'."""
    return " ".join(STRATEGIES[name])


def data_told(job: Job, tasks: Sequence[TaskData]) -> None:
    """How much there is of each task, and what it would be to guess."""
    for task in tasks:
        job.log(f"{title_of(task)}: {len(task.train)} clips to learn from, {len(task.validation)} to choose by, "
                f"{len(task.test)} to test on; {floor_of(task)}.")  # fmt: skip


def title_of(task: TaskData) -> str:
    """What a task is called where people read it."""
    return TASKS.get(task.name, task.name)


def floor_of(task: TaskData) -> str:
    """What knowing nothing of the clips reaches."""
    if task.kind == "naming":
        return f"chance {1 / len(task.names):.3f}"
    if task.kind == "retrieval":
        return f"chance {1 / len(task.test):.3f}"
    if task.kind == "questions":
        return f"from the question alone {text_only(task):.3f}"
    return f"the same span for every query {constant_span(task):.3f}"


def text_only(task: TaskData) -> float:
    """Accuracy of the answer that each question most often has in the training part: no clip is looked at."""
    counts: dict[str, NDArray[np.int64]] = {}
    for text, answer in zip(task.train.texts, task.train.target, strict=True):
        counts.setdefault(text, np.zeros(len(task.names), np.int64))[answer] += 1
    overall = np.bincount(task.train.target, minlength=len(task.names))
    said = [int(counts.get(text, overall).argmax()) for text in task.test.texts]
    return float((np.array(said) == task.test.target).mean())


def constant_span(task: TaskData) -> float:
    """mIoU of the one span that fits the training part best."""
    from .tasks import iou

    frames = task.train.clips.shape[1]
    every = [(a, b) for a in range(frames) for b in range(a, frames)]
    best = max(every, key=lambda one: float(iou(np.tile(one, (len(task.train), 1)), task.train.target).mean()))
    return float(iou(np.tile(best, (len(task.test), 1)), task.test.target).mean())


# The grid -----------------------------------------------------------------------------------


def grid(job: Job, found: Grid) -> None:
    """The heat map, the table and the map of accuracy over cost, as far as they are known."""
    job.artifact("grid", ImageGrid, heat(found).save, title="Test results by strategy and task")
    table(job, found)
    trade(job, found)


def heat(found: Grid) -> Image.Image:
    """Rows strategies, columns tasks; a cell's colour runs from the worst to the best of its column."""
    wide, tall = SIDE + CELL * len(found.tasks), TOP + TALL * len(found.strategies)
    sheet = Image.new("RGB", (wide, tall), (18, 20, 24))
    pen = ImageDraw.Draw(sheet)
    small, font = ImageFont.load_default(17), ImageFont.load_default(20)
    for column, task in enumerate(found.tasks):
        left = SIDE + CELL * column
        pen.text((left + 8, 8), task.name, fill=(230, 230, 230), font=font)
        pen.text((left + 8, 34), MEASURES[task.kind], fill=(160, 165, 175), font=small)
        known = [one.test.headline for key, one in found.results.items() if key[1] == task.name]
        low, high = (min(known), max(known)) if known else (0.0, 1.0)
        for row, name in enumerate(found.strategies):
            box = (left + GAP, TOP + TALL * row + GAP, left + CELL - GAP, TOP + TALL * (row + 1) - GAP)
            one = found.results.get((name, task.name))
            if one is None:
                pen.rectangle(box, outline=(60, 64, 72))
                continue
            share = (one.test.headline - low) / (high - low) if high > low else 1.0
            at = share * (len(_SCALE) - 1)
            colour = tuple(int(np.interp(at, np.arange(len(_SCALE)), _SCALE[:, part])) for part in range(3))
            pen.rectangle(box, fill=colour)
            ink = (20, 20, 20) if share > 0.55 else (245, 245, 245)
            pen.text((box[0] + 10, box[1] + 7), f"{one.test.headline:.3f}", fill=ink, font=font)
    for row, name in enumerate(found.strategies):
        code, title = STRATEGIES[name]
        top = TOP + TALL * row + 11
        pen.text((8, top), code, fill=(120, 170, 255) if code[0] == "F" else (240, 180, 90), font=font)
        pen.text((62, top + 1), title, fill=(230, 230, 230), font=small)
    return sheet


def table(job: Job, found: Grid) -> None:
    """A row for each strategy: what it reached, what learns, what a step takes."""
    columns = [Column("code", "text"), Column("strategy", "text")]
    columns += [Column(f"{one.name}, {MEASURES[one.kind]}", digits=3, best="high") for one in found.tasks]
    columns += [
        Column("trainable parameters", digits=0, best="low"), Column("peak memory", unit="MB", digits=1, best="low"),
        Column("step", unit="ms", digits=1, best="low"), Column("gradient in backbone", "text"),
        Column("backbone's weights", "text"),
    ]  # fmt: skip
    columns += [Column(f"rate, {one.name}", "text") for one in found.tasks]
    from .catalogue import MADE

    rows = []
    for name in found.strategies:
        if not any(key[0] == name for key in found.results):
            continue
        cost, made = found.costs.get(name), MADE[name]
        cells = [found.results.get((name, one.name)) for one in found.tasks]
        rows.append([
            *STRATEGIES[name], *(None if one is None else round(one.test.headline, 4) for one in cells),
            found.learning.get(name, 0), None if cost is None else round(cost.peak_bytes / 1e6, 1),
            None if cost is None else round(cost.seconds * 1e3, 1),
            "yes" if made.enters else "no", "change" if made.changes else "stay",
            *("–" if one is None or one.rate is None else f"{one.rate:.1e}" for one in cells),
        ])  # fmt: skip
    notes = " ".join(f"{title_of(one)}: {floor_of(one)}." for one in found.tasks)
    caption = (
        f"Test results at the rate that validation chose. {notes} Trainable parameters do not count the heads, which "
        "are the same for all. Memory and time are those of a training step in which every strategy looks at the "
        "frames anew."
    )
    job.artifact("strategies", Table, TableDoc(columns, rows, caption), title="Strategies and tasks")


def trade(job: Job, found: Grid) -> None:
    """Points of test result (up) over the logarithm of trainable parameters (right), one for each cell."""
    points, items = [], []
    for (name, task), one in found.results.items():
        learns = found.learning.get(name, 0)
        points.append((math.log10(max(learns, 1)), one.test.headline))
        cost = found.costs.get(name)
        memory = f", {cost.peak_bytes / 1e6:.0f} MB" if cost else ""
        items.append(Item(f"{called(name)} on {task}: {one.test.headline:.3f} with {learns:,} trainable parameters"
                          f"{memory}", label=STRATEGIES[name][0], group=task, score=one.test.headline))  # fmt: skip
    # One cell alone has no extent; a map needs two places to span.
    job.artifact("results_by_parameters", Embedding, np.array(points, np.float32), parts={"items": ItemsDoc(items)},
                 title="Result (up) over trainable parameters (right, log10)")  # fmt: skip


# What was predicted ---------------------------------------------------------------------------


def ended(job: Job, course: Course) -> None:
    """What is shown once: results, mistakes, clips, lists, spans, by the strategy that validation prefers."""
    found = course.grid
    results(job, found)
    first = found.tasks[0]
    predictions(job, first, found.best(first.name).test, called(found.best(first.name).strategy))
    for task in found.tasks:
        best = found.best(task.name)
        if task.kind == "retrieval":
            retrieved(job, task, best.test, called(best.strategy))
        if task.kind == "grounding":
            job.artifact("spans", ImageGrid, spans(task, found).save, title="Where queries were found")
        # Outcomes are of what validation prefers: in a claim's arm, of its one strategy.
        outcomes(job, "outcomes" if task is first else f"outcomes_{task.name}", best.test.right)
        if task.name == "shape":
            ahead = best.test.right + (AHEAD if STRATEGIES[best.strategy][0].startswith("F") else 0)
            outcomes(job, "outcomes_shape_3_ahead", ahead)
            job.result("shape_accuracy_3_ahead", float(ahead.mean()))
    named = next((one for one in found.tasks if one.kind in ("naming", "questions")), None)
    if named is not None:
        best = found.best(named.name)
        confusion(job, named, best.test, called(best.strategy))


def outcomes(job: Job, slot: str, right: Floats) -> None:
    """For claims: how far each test item is right."""
    counts = right.astype(np.float32)[:, None]
    job.artifact(slot, Outcomes, counts, meta={"columns": ["right"], "measure": "mean"})


def results(job: Job, found: Grid) -> None:
    """Numbers of the history and of claims; those without a strategy's code are of what validation prefers."""
    for task in found.tasks:
        word = {"R@1": "recall_1", "mIoU": "iou"}.get(MEASURES[task.kind], "accuracy")
        job.result(f"{task.name}_{word}", found.best(task.name).test.headline)
        for name in found.strategies:
            one = found.results.get((name, task.name))
            if one is not None and len(found.strategies) > 1:
                job.result(f"{task.name}_{STRATEGIES[name][0]}", one.test.headline)
    if found.costs:
        job.result("step_seconds", max(one.seconds for one in found.costs.values()))
        job.result("peak_memory_mb", max(one.peak_bytes for one in found.costs.values()) / 1e6)
    job.result("trainable_parameters", float(max(found.learning.values())))


def in_words(task: TaskData, scored: Scored, at: int) -> tuple[str, str]:
    """What is true of a test item, and what was predicted."""
    if task.kind in ("naming", "questions"):
        return task.names[task.test.target[at]], task.names[scored.predicted[at]]
    if task.kind == "retrieval":
        return task.test.texts[at], "found first" if scored.right[at] else "not found first"
    spans = (task.test.target[at], scored.predicted[at])
    first, second = (f"frames {int(one[0]) + 1}–{int(one[1]) + 1}" for one in spans)
    return first, second


def predictions(job: Job, task: TaskData, scored: Scored, by: str) -> None:
    """Some test clips, right ones and wrong ones in turn, with what was said of them."""
    right, wrong = np.flatnonzero(scored.right >= 0.5), np.flatnonzero(scored.right < 0.5)
    half = SHOWN_CLIPS // 2
    chosen = np.sort(np.concatenate([right[: max(half, SHOWN_CLIPS - len(wrong))],
                                     wrong[: max(half, SHOWN_CLIPS - len(right))]]))[:SHOWN_CLIPS]  # fmt: skip
    items = []
    for at in chosen:
        truth, said = in_words(task, scored, int(at))
        text = task.test.texts[at] if task.test.texts else truth
        items.append(Item(text, label=truth, predicted=said, score=float(scored.sure[at])))
    show_clips(job, "predictions", task.test.clips[chosen], items, title=f"{title_of(task)} by {by}")


def confusion(job: Job, task: TaskData, scored: Scored, by: str) -> None:
    """True against predicted classes; those whose motion is each other's reversal stand side by side."""
    counts = np.zeros((len(task.names),) * 2, int)
    np.add.at(counts, (task.test.target, scored.predicted), 1)
    cells: dict[str, list[int]] = {}
    items = []
    for at, (truth, said) in enumerate(zip(task.test.target, scored.predicted, strict=True)):
        cells.setdefault(f"{truth},{said}", []).append(at)
        text = task.test.texts[at] if task.test.texts else f"test clip {at + 1}"
        items.append(Item(text, label=task.names[truth], predicted=task.names[said], score=float(scored.sure[at])))
    job.artifact("confusion", Confusion, ConfusionDoc(list(task.names), counts.tolist(), cells),
                 title=f"{title_of(task)} by {by}", parts={"items": ItemsDoc(items)})  # fmt: skip


def retrieved(job: Job, task: TaskData, scored: Scored, by: str) -> None:
    """For some captions: the clips that came first, by their own captions."""
    columns = [Column("query", "text"), Column("found first", "text"), *(Column(f"{n}.", "text") for n in (1, 2, 3))]
    rows: list[list[Any]] = []
    for at in range(min(LISTED, len(task.test))):
        names = [task.test.texts[int(one)] for one in scored.predicted[at, :3]]
        names += [""] * (3 - len(names))
        rows.append([task.test.texts[at], "yes" if scored.right[at] else "no", *names])
    told = ", ".join(f"{name} {value:.3f}" if "rank" not in name else f"{name} {value:.0f}"
                     for name, value in scored.more.items())  # fmt: skip
    caption = f"By {by}: {told}. Clips are told by their captions; those with equal captions count as right."
    job.artifact("retrieved", Table, TableDoc(columns, rows, caption), title="Retrieval")


def spans(task: TaskData, found: Grid) -> Image.Image:
    """A few queries: bars of frames, the truth above what each strategy says."""
    names = [one for one in found.strategies if (one, task.name) in found.results]
    frames, shown = task.test.clips.shape[1], min(4, len(task.test))
    step, bar, side = max(8, 480 // frames), 20, 290
    tall = 34 + bar * (len(names) + 1) + 14
    sheet = Image.new("RGB", (side + step * frames + 20, tall * shown), (18, 20, 24))
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(16)
    for at in range(shown):
        top = tall * at
        pen.text((8, top + 6), f"“{task.test.texts[at]}”", fill=(240, 240, 240), font=font)
        lines = [("truth", task.test.target[at], (63, 182, 139))]
        lines += [(called(one), found.results[one, task.name].test.predicted[at], (91, 157, 255)) for one in names]
        for row, (title, span, colour) in enumerate(lines):
            y = top + 32 + bar * row
            pen.text((8, y - 1), title, fill=(190, 195, 205), font=font)
            pen.rectangle((side, y + 3, side + step * frames, y + bar - 3), fill=(40, 44, 52))
            pen.rectangle(
                (side + step * int(span[0]), y + 3, side + step * (int(span[1]) + 1), y + bar - 3), fill=colour
            )
    return sheet
