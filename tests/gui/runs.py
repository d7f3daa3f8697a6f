"""Run folders as a recipe would leave them, written without one: for tests, pictures and benches."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from workbench.core import documents as doc
from workbench.core import events as ev
from workbench.core.claim import Better, Claim
from workbench.core.job import Job
from workbench.core.kinds import Confusion, Curve, Embedding, Sample, Slot, Spans, Table, TextData
from workbench.core.mixins import TextEncoder, Training
from workbench.core.params import knob
from workbench.core.recipe import TEXT, Paper, Recipe
from workbench.store.runfolder import RunConfig, RunFolder, append_events, create_run

LABELS = ["numpy", "scipy", "sklearn", "torch", "pandas", "networkx", "sympy", "skimage", "monai", "matplotlib"]
SENTENCES = [
    "Compute the singular value decomposition of a sparse matrix.",
    "Draw a violin plot for each column of the data set.",
    "Return the shortest path between two nodes of a weighted graph.",
    "Applies a 2D convolution over an input signal composed of several planes.",
    "Simplify the expression by collecting common powers of the symbol.",
]


class Demo(Training, TextEncoder):
    """A text recipe's knobs."""

    task: str = knob("topic", "What is learned")
    text_column: str = knob("", "The column that holds the text", widget="column", slot="data")


def run(job: Job, params: Demo) -> None:
    """Which library wrote this sentence?

    A pretrained encoder reads one sentence of documentation and names the library it is from.
    """


def demo_recipe() -> Recipe:
    """A declaration with every kind of text slot."""
    sample = Sample(
        "libraries", "Docstrings of ten libraries", "1,000 sentences read from the installed packages", False
    )
    made = Sample("entities", "Entities in mini-Turkish", "300 made-up sentences", True, {"task": "entities"})
    run.__module__ = "tests.demo_nlu.recipe"
    return Recipe(
        run=run,
        tab=TEXT,
        title="Which library wrote this sentence?",
        paper=Paper("Fine-tuning Transformer-based Encoder for Turkish", 2024, "2401.17396",
                    "One pretrained encoder and a small head per task: little labelled data suffices."),
        reads={"data": Slot(TextData, "Labelled text", samples=(sample, made), columns=("text_column",))},
        writes={"loss": Curve, "macro_f1": Curve, "embedding": Embedding, "confusion": Confusion, "per_class": Table,
                "examples": Spans},
        presets={"smoke": Demo(epochs=1, max_steps=4), "desk": Demo(), "paper": Demo(epochs=10)},
        claim=Claim(arms={"probe": Demo(adapt="linear probe"), "full": Demo()}, statements=(
            Better("Fine-tuning beats the probe", metric="macro_f1", better="full", than="probe"),)),
        layout=(("embedding",), ("confusion", "per_class")),
    )  # fmt: skip


def write_run(
    runs: Path, *, steps: int = 400, total: int = 800, ended: bool = False, recipe: str = "demo-nlu"
) -> RunFolder:
    """A run of `steps` steps with curves, pictures every 50 steps and a log."""
    folder = create_run(runs, RunConfig(recipe=recipe, params={"adapt": "lora", "task": "topic"}, preset="desk"))
    random, t = np.random.default_rng(0), time.time() - steps / 3.1
    events: list[ev.AnyEvent] = [ev.Queued(t=t), ev.Started(t=t, pid=4711, device="cpu", attempt=1)]
    events.append(ev.Log(t=t, message="Forecast: 2 min 40 s and 1.9 GB (one measured step)."))
    events.append(ev.Log(t=t, message="LoRA on query and value: 147 k of 22.9 M parameters learn."))
    for step in range(1, steps + 1):
        now = t + step / 3.1
        loss = 0.45 + 1.8 * np.exp(-step / 160)
        events.append(ev.Metric(now, "loss", float(loss + 0.06 * random.normal()), step, "train"))
        if step % 50 == 0:
            events.append(ev.Metric(now, "loss", float(loss + 0.05), step, "validation"))
            events.append(ev.Metric(now, "macro_f1", float(0.91 - 0.7 * np.exp(-step / 110)), step, "validation"))
            events += pictures(folder, step, now, random)
            events.append(ev.Log(t=now, message=f"Step {step}: macro F1 {0.91 - 0.7 * np.exp(-step / 110):.3f}"))
    now = t + steps / 3.1
    events.append(
        ev.Progress(t=now, step=steps, total=total, phase="training", steps_per_s=3.1,
                    seconds_left=(total - steps) / 3.1, memory_bytes=1_900_000_000, preview_share=0.04)
    )  # fmt: skip
    if ended:
        events.append(ev.Finished(t=now, results={"macro_f1": 0.904, "accuracy": 0.911}, seconds=steps / 3.1))
        folder.model.mkdir()
        (folder.model / "workbench.json").write_text("{}")
    append_events(folder.events_path, events)
    return folder


def pictures(folder: RunFolder, step: int, now: float, random: np.random.Generator) -> list[ev.AnyEvent]:
    """One of each artifact as it would stand at this step."""
    sharp, count = 1 - np.exp(-step / 150), 900
    true = random.integers(0, 10, count)
    predicted = np.where(random.random(count) < 0.2 + 0.7 * sharp, true, random.integers(0, 10, count))
    items = [
        doc.Item(SENTENCES[i % 5], LABELS[a], LABELS[b], float(random.random()), source=i)
        for i, (a, b) in enumerate(zip(true, predicted, strict=True))
    ]
    counts, cells = np.zeros((10, 10), int), {}
    for place, (a, b) in enumerate(zip(true, predicted, strict=True)):
        counts[a, b] += 1
        cells.setdefault(f"{a},{b}", []).append(place)
    angle = np.arange(10) * 2 * np.pi / 10
    centres = np.stack([np.cos(angle) * (2 + np.arange(10) % 3), np.sin(angle) * 3], axis=1) * (0.3 + sharp)
    points = (centres[true] + random.normal(size=(count, 2)) * 0.6).astype(np.float32)
    rows = [[LABELS[k], *(float(x) for x in 0.8 + 0.15 * random.random(3)), int((true == k).sum())] for k in range(10)]
    columns = [doc.Column("class", "text"), doc.Column("precision", best="high"), doc.Column("recall", best="high"),
               doc.Column("F1", best="high"), doc.Column("count", digits=0)]  # fmt: skip
    where = folder.artifacts
    stem = f"{step:07d}"
    doc.write(where / f"items-{stem}.json", doc.ItemsDoc(items))
    doc.write(where / f"confusion-{stem}.json", doc.ConfusionDoc(LABELS, counts.tolist(), cells))
    doc.write(where / f"per_class-{stem}.json", doc.TableDoc(columns, rows))
    np.save(where / f"embedding-{stem}.npy", points, allow_pickle=False)
    part = {"items": f"artifacts/items-{stem}.json"}
    make = ev.Artifact
    return [
        make(now, "embedding", "embedding", f"artifacts/embedding-{stem}.npy", step, parts=part, title="Embedding map"),
        make(now, "confusion", "confusion", f"artifacts/confusion-{stem}.json", step, parts=part),
        make(now, "per_class", "table", f"artifacts/per_class-{stem}.json", step, title="Per class"),
    ]
