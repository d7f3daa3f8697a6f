"""What a run shows as its grid fills: results, costs, what each strategy says of the test clips."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from workbench.core.documents import Column, ConfusionDoc, Item, ItemsDoc, MapAxes, TableDoc
from workbench.core.job import Job
from workbench.core.kinds import Confusion, Embedding, Outcomes, Table
from workbench.core.words import spaced
from workbench.engine.video.showing import show_clips

from . import scenes
from .recipe import STRATEGIES, TASKS
from .tasks import Floats, Scored, TaskData

if TYPE_CHECKING:
    from .method import Course, Grid, Result

MEASURES = {"naming": "accuracy", "retrieval": "R@1", "questions": "accuracy", "grounding": "mIoU"}
SHOWN_CLIPS, LEAST_CLIPS, SHOWN_BYTES, LISTED = 12, 4, 4 << 20, 20
AHEAD = np.float32(0.03)
"""What frozen strategies are given on shapes in `shape_accuracy_3_ahead`: to be ahead then is to be within 3 points."""
BRANCHES = {
    "F0": "zero-shot", "F1": "probing", "F2": "post-network tuning", "F3": "multi-layer decoding", "F4": "side-tuning",
    "F5": "knowledge distillation", "M1": "full fine-tuning", "M2": "partial fine-tuning", "M3": "adapters",
    "M4": "low-rank matrices", "M5": "prompts", "M6": "time inside the encoder",
}  # fmt: skip


def called(name: str) -> str:
    """'F1 linear probe'."""
    return " ".join(STRATEGIES[name])


def data_told(job: Job, tasks: Sequence[TaskData]) -> None:
    """How much there is of each task, and what it would be to guess."""
    for task in tasks:
        job.log(f"{title_of(task)}: {len(task.train)} clips to learn from, {len(task.validation)} to choose by, "
                f"{len(task.test)} to test on; {floor_of(task)}.")  # fmt: skip


def family_of(name: str) -> str:
    """The survey's two families, and the branch of one that a strategy belongs to."""
    code = STRATEGIES[name][0]
    return f"{'frozen' if code[0] == 'F' else 'modified'}: {BRANCHES[code[:2]]}"


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
    """The shaded table, that of costs and the map of results over parameters, as far as they are known."""
    heat(job, found)
    table(job, found)
    trade(job, found)


def heat(job: Job, found: Grid) -> None:
    """Rows strategies by the survey's families, columns tasks; a cell's colour runs from its column's worst to best."""
    columns = [Column("code", "text"), Column("strategy", "text")]
    columns += [Column(f"{one.name}, {MEASURES[one.kind]}", best="high", shade=True) for one in found.tasks]
    columns.append(Column("family", "text"))
    rows = []
    for name in found.strategies:
        cells = [found.results.get((name, one.name)) for one in found.tasks]
        rows.append([*STRATEGIES[name], *(one and round(one.test.headline, 4) for one in cells), family_of(name)])
    done, whole = len(found.results), len(found.strategies) * len(found.tasks)
    caption = (
        f"{done} of {whole} cells of the grid. F: the picture model's features stay as they are; M: they change. "
        "A row that is double-clicked shows its strategy's clips."
    )
    # A row leads to the clips that its strategy was tested on.
    items = [Item(f"{called(name)}: {family_of(name)}", label=STRATEGIES[name][0], group=called(name))
             for name in found.strategies]  # fmt: skip
    job.artifact("grid", Table, TableDoc(columns, rows, caption), title="Test results by strategy and task",
                 parts={"items": ItemsDoc(items)})  # fmt: skip


def table(job: Job, found: Grid) -> None:
    """A row for each strategy: what it reached, what learns, what a step takes."""
    columns = [Column("code", "text"), Column("strategy", "text")]
    columns += [Column(f"{one.name}, {MEASURES[one.kind]}", digits=3, best="high") for one in found.tasks]
    columns += [
        Column("trainable parameters", digits=0, best="low"), Column("peak memory", unit="MB", digits=1, best="low"),
        Column("step", unit="ms", digits=1, best="low"), Column("family", "text"),
        Column("gradient in backbone", "text"), Column("backbone's weights", "text"),
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
            *STRATEGIES[name], *(one and round(one.test.headline, 4) for one in cells),
            found.learning.get(name, 0), None if cost is None else round(cost.peak_bytes / 1e6, 1),
            None if cost is None else round(cost.seconds * 1e3, 1),
            family_of(name), "yes" if made.enters else "text side" if made.speaks else "no",
            "change" if made.changes else "stay",
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
        items.append(Item(f"{called(name)} on {task}: {one.test.headline:.3f} with {spaced(learns)} trainable "
                          f"parameters{memory}", label=STRATEGIES[name][0], group=task,
                          score=one.test.headline))  # fmt: skip
    axes = MapAxes("trainable parameters", "test result", log_x=True)
    job.artifact("results_by_parameters", Embedding, np.array(points, np.float32), parts={"items": ItemsDoc(items)},
                 title="Results over trainable parameters", meta={"axes": msgspec.to_builtins(axes)})  # fmt: skip


# What was predicted ---------------------------------------------------------------------------


def cell(job: Job, found: Grid, task: TaskData, one: Result) -> None:
    """What a cell says of its task: clips, mistakes, lists, spans; the time slider has one cell after another."""
    by = called(one.strategy)
    if task is found.tasks[0]:
        predictions(job, task, one.test, by)
    if task is _named(found):
        confusion(job, task, one.test, by)
    if task.kind == "retrieval":
        retrieved(job, task, one.test, by)
    if task.kind == "grounding":
        scenes.show(job, task, {called(name): result.test.predicted for (name, on), result in found.results.items()
                                if on == task.name}, found.films)  # fmt: skip
    found.shown[task.name] = one.strategy


def _named(found: Grid) -> TaskData | None:
    return next((one for one in found.tasks if one.kind in ("naming", "questions")), None)


def ended(job: Job, course: Course) -> None:
    """Results, and what is shown at last: by the strategy that validation prefers."""
    found = course.grid
    results(job, found)
    first = found.tasks[0]
    for task in found.known:
        best = found.best(task.name)
        if found.shown.get(task.name) != best.strategy:
            cell(job, found, task, best)
        # Outcomes are of what validation prefers: in a claim's arm, of its one strategy.
        outcomes(job, "outcomes" if task is first else f"outcomes_{task.name}", best.test.right)
        if task.name == "shape":
            ahead = best.test.right + (AHEAD if STRATEGIES[best.strategy][0].startswith("F") else 0)
            outcomes(job, "outcomes_shape_3_ahead", ahead)
            job.result("shape_accuracy_3_ahead", float(ahead.mean()))


def outcomes(job: Job, slot: str, right: Floats) -> None:
    """For claims: how far each test item is right."""
    counts = right.astype(np.float32)[:, None]
    job.artifact(slot, Outcomes, counts, meta={"columns": ["right"], "measure": "mean"})


def results(job: Job, found: Grid) -> None:
    """Numbers of the history and of claims; those without a strategy's code are of what validation prefers."""
    for task in found.known:
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
    # Large clips are fewer: there is a set of them for each strategy.
    shown = int(np.clip(SHOWN_BYTES // max(task.test.clips[0].nbytes, 1), LEAST_CLIPS, SHOWN_CLIPS))
    half = shown // 2
    chosen = np.sort(np.concatenate([right[: max(half, shown - len(wrong))],
                                     wrong[: max(half, shown - len(right))]]))[:shown]  # fmt: skip
    items = []
    for at in chosen:
        truth, said = in_words(task, scored, int(at))
        text = task.test.texts[at] if task.test.texts else truth
        items.append(Item(text, label=truth, predicted=said, score=float(scored.sure[at])))
    title = f"{title_of(task)} by {by}"
    show_clips(job, "predictions", task.test.clips[chosen], items, title=title, group=by)


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
