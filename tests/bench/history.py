"""How long the Runs page takes over hundreds of runs: opened over a cold and a warm index, and after one new event.

    python -m tests.bench.history [--runs 500] [--metrics 400] [--repeats 5] [--keep FOLDER] [--json]

Writes realistic run folders (several recipes, knobs, results, notes, some failed, some unreadable)
into a temporary home and prints one JSON object of seconds. 'cold' reads every event file, 'warm'
is a window opened again over an index that is up to date (its processor time tells more than its
clock where others share the machine), 'refresh' one more event in one run.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.core import events as ev
from workbench.core.problem import ProblemRecord
from workbench.store.home import Home, open_home
from workbench.store.notes import change_notes
from workbench.store.runfolder import RunConfig, RunFolder

RECIPES = ("berturk-nlu", "punctuation-adversarial", "contrastive-speech", "prompted-segmentation", "masked-video")
TAGS = ("baseline", "paper", "promising", "too slow", "wrong data")
NOTES = ("", "", "", "the one for the talk", "diverged after the warm-up, lower rate next", "same as before but LoRA")
EVERY_S = 5400.0


def write_history(home: Home, runs: int, *, metrics: int = 400, seed: int = 0) -> None:
    """Run folders over the last months, the newest just now, as recipes would leave them."""
    chance, now = random.Random(seed), time.time()
    for number in range(runs):
        _write_run(home, chance, now - (runs - 1 - number) * EVERY_S, metrics, going=number == runs - 1)
    for name in ("20260102-101500-lost-000001", "20260103-111500-torn-000002"):
        (home.runs / name).mkdir()
        (home.runs / name / "events.jsonl").write_text("")
    (home.runs / "20260103-111500-torn-000002" / "run.json").write_text("{")


def _write_run(home: Home, chance: random.Random, created: float, metrics: int, *, going: bool) -> None:
    recipe = chance.choices(RECIPES, weights=(5, 4, 2, 2, 1))[0]
    rate, epochs = chance.choice((1e-5, 5e-5, 1e-4, 3e-4)), chance.choice((1, 3, 5, 10))
    params = {
        "task": "topic", "adapt": chance.choice(("lora", "full", "linear probe")), "learning_rate": rate,
        "epochs": epochs, "batch": chance.choice((8, 16, 32)), "warmup": 0.06, "weight_decay": 0.01,
        "dropout": chance.choice((0.0, 0.1)), "text_column": "text", "backbone": "sample:starter",
    }  # fmt: skip
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(created))
    folder = RunFolder(home.runs / f"{stamp}-{recipe}-{chance.getrandbits(24):06x}")
    folder.artifacts.mkdir(parents=True)
    folder.write_config(
        RunConfig(
            recipe,
            params,
            inputs={"data": "sample:libraries"},
            seed=chance.randrange(5),
            created=created,
            preset=chance.choice(("desk", "desk", "smoke", "paper")),
            device="cpu",
        )
    )
    folder.append(*_events(chance, created, metrics, going=going))
    if chance.random() < 0.3 or going:
        tags = chance.sample(TAGS, chance.randrange(1, 3))
        change_notes(folder.path, tags=tags, star=chance.random() < 0.4, note=chance.choice(NOTES))


def _events(chance: random.Random, created: float, metrics: int, *, going: bool) -> Iterator[ev.AnyEvent]:
    level, speed = chance.uniform(0.6, 0.95), chance.uniform(0.3, 3.0)
    yield ev.Queued(created)
    yield ev.Started(created + 1, pid=1, device="cpu")
    moment = created + 1
    for step in range(1, metrics // 2 + 1):
        moment = created + 1 + step * speed
        part = step / (metrics / 2)
        yield ev.Metric(moment, "loss", 2.3 * (1 - part) + 0.1 * chance.random() + 0.2, step, "train")
        if step % 2 == 0:
            yield ev.Metric(moment, "loss", 2.2 * (1 - part) + 0.3, step, "validation")
            yield ev.Metric(moment, "macro_f1", level * part**0.4 + 0.02 * chance.random(), step, "validation")
            yield ev.Progress(moment, step=step, total=metrics // 2, phase="training", steps_per_s=1 / speed)
    if going:
        return
    fate = chance.random()
    if fate < 0.08:
        yield ev.Checkpoint(moment, step=metrics // 4, path="checkpoint/step")
        yield ev.Failed(moment, problem=ProblemRecord("Memory ran out.", fix="Halve the batch."), resumable=True)
    elif fate < 0.12:
        yield ev.Cancelled(moment)
    else:
        yield ev.Finished(moment, results={"macro_f1": level, "accuracy": min(1.0, level + 0.02)}, seconds=metrics)


def measure(runs: int, metrics: int, repeats: int, keep: Path | None) -> dict[str, Any]:
    """Seconds from opening the page to rows shown, medians over the repeats."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication

    from workbench.app import application
    from workbench.core.settings import Settings
    from workbench.gui.link import Link
    from workbench.gui.pages.runs import RunsPage
    from workbench.gui.snapshot import NoRunner
    from workbench.gui.theme import theme

    application()
    theme().use("dark")
    with contextlib.ExitStack() as stack:
        root = keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        home = open_home(root)
        if not any(home.runs.iterdir()):
            write_history(home, runs, metrics=metrics)
        link = Link(home, lambda: NoRunner(home), Settings())
        stack.callback(link.close)

        work: list[float] = []

        def opened() -> tuple[RunsPage, float]:
            began, busy = time.perf_counter(), time.process_time()
            page = RunsPage(link)
            page.resize(1366, 768)
            page.show()
            page.opened()
            while page.sheet.shown() < runs:
                QApplication.processEvents()
            page.repaint()
            work.append(time.process_time() - busy)
            return page, time.perf_counter() - began

        def refreshed(page: RunsPage, number: int) -> float:
            newest = RunFolder(home.runs / page.sheet.ids()[0])
            shown = page.sheet.model_.row_of(newest.id)
            newest.append(ev.Progress(time.time(), step=10_000 + number, total=1, phase="training"))
            began = time.perf_counter()
            page.opened()
            while page.sheet.model_.row_of(newest.id) is shown:
                QApplication.processEvents()
            page.repaint()
            return time.perf_counter() - began

        def typed(page: RunsPage, text: str) -> float:
            began = time.perf_counter()
            page.filter.setText(text)
            page.repaint()
            return time.perf_counter() - began

        opened()[0].close()  # imports and fonts are the window's own start
        cold = []
        for _ in range(repeats):
            for file in home.root.glob("index.sqlite*"):
                file.unlink()
            page, seconds = opened()
            page.close()
            cold.append(seconds)
        warm = []
        work.clear()
        for _ in range(repeats):
            page, seconds = opened()
            warm.append(seconds)
        refresh = [refreshed(page, number) for number in range(repeats)]
        filtering = [typed(page, text) for text in ("l", "lora", "macro_f1>0.9", "")]
        page.close()
        size = sum(file.stat().st_size for file in home.runs.rglob("*") if file.is_file())
        return {
            "runs": runs, "metrics_per_run": metrics, "megabytes": round(size / 1e6, 1),
            "cold_s": round(statistics.median(cold), 3), "warm_s": round(statistics.median(warm), 3),
            "warm_processor_s": round(statistics.median(work), 3),
            "refresh_s": round(statistics.median(refresh), 3), "filter_s": round(max(filtering), 3),
        }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--metrics", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--keep", type=Path, default=None, metavar="FOLDER", help="write the home here and leave it")
    parser.add_argument("--json", action="store_true", help="as every bench has it; nothing else is printed")
    asked = parser.parse_args()
    print(json.dumps(measure(asked.runs, asked.metrics, asked.repeats, asked.keep)))


if __name__ == "__main__":
    main()
