"""How long the window's event loop is away while a worker saturates every core beside it.

    python -m tests.bench.gui_gap [--seconds 10] [--repeats 5] [--json]

A niced process per core computes without end; another writes 1,000 metrics and 10 pictures a
second into a run's events.jsonl, as a recipe would. The window shows that run, live. A timer of
2 ms notes how long each of its beats took to come; a bare Qt loop without any window, beside the
same processes, is the control. Medians over the repeats; maxima are the worst of all repeats.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

BEAT_MS = 2
METRICS_PER_S, PICTURES_PER_S = 1000, 10


def burn() -> None:
    """Compute without end, as politely as the worker's children do."""
    os.nice(10)
    while True:
        sum(i * i for i in range(10_000))


def emit(folder: str, seconds: float) -> None:
    """Write the promised events, ten times a second, from a niced process."""
    import numpy as np

    from tests.gui.runs import pictures
    from workbench.core import events as ev
    from workbench.store.runfolder import RunFolder

    os.nice(10)
    run, random, step = RunFolder(Path(folder)), np.random.default_rng(0), 0
    ready = [one for at in range(50, 400, 50) for one in pictures(run, at, 0.0, random)]
    run.append(ev.Started(t=time.time(), pid=os.getpid(), attempt=1))
    end, turn = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        began, batch = time.monotonic(), []
        for _ in range(METRICS_PER_S // 10):
            step += 1
            batch.append(ev.Metric(time.time(), "loss", float(random.random() + 100 / step), step, "train"))
        for _ in range(PICTURES_PER_S // 10):
            picture = ready[turn % len(ready)]
            turn += 1
            batch.append(ev.Artifact(time.time(), picture.slot, picture.kind, picture.path, step, parts=picture.parts))
        batch.append(ev.Progress(time.time(), step, 0, "training", 1000.0))
        run.append(*batch)
        time.sleep(max(0.0, 0.1 - (time.monotonic() - began)))


def measure(seconds: float, *, with_window: bool) -> dict[str, float]:
    """Gaps in milliseconds while the machine is busy."""
    from PySide6.QtCore import Qt, QTimer

    from tests.gui.runs import demo_recipe
    from workbench.app import application, make_window, sweep
    from workbench.gui.snapshot import NoRunner
    from workbench.store.home import open_home
    from workbench.store.runfolder import RunConfig, create_run

    app = application()
    home = open_home(Path(tempfile.mkdtemp(prefix="gui-gap-")))
    folder = create_run(home.runs, RunConfig(recipe="demo-nlu", params={}))
    window = None
    if with_window:
        known = {"demo-nlu": demo_recipe()}
        window = make_window(home, demo=False, make_runner=lambda: NoRunner(home), recipes=known)
        window.resize(1600, 960)
        window.show()
        window.open_page("text")
        window.recipe_page().show_run(folder)
        sweep(window)
    beats: list[float] = []
    timer = QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.timeout.connect(lambda: beats.append(time.perf_counter()))
    spawn = multiprocessing.get_context("spawn")
    busy = [spawn.Process(target=burn, daemon=True) for _ in range(os.cpu_count() or 1)]
    busy.append(spawn.Process(target=emit, args=(str(folder.path), seconds + 30), daemon=True))
    for process in busy:
        process.start()
    serve(app, until=folder.events_path.exists, at_most_s=30)
    serve(app, until=lambda: False, at_most_s=3.0)
    timer.start(BEAT_MS)
    serve(app, until=lambda: False, at_most_s=seconds)
    timer.stop()
    for process in busy:
        process.kill()
    if window is not None:
        window.close()
    gaps = sorted((b - a) * 1000 for a, b in itertools.pairwise(beats))
    return {"p50": gaps[len(gaps) // 2], "p99": gaps[int(len(gaps) * 0.99)], "max": gaps[-1], "beats": len(gaps)}


def serve(app, *, until, at_most_s: float) -> None:
    """Run the event loop for real (not by polling it) until something holds or time is up."""
    from PySide6.QtCore import QEventLoop, QTimer

    loop, end = QEventLoop(), time.monotonic() + at_most_s
    check = QTimer()
    check.timeout.connect(lambda: loop.quit() if until() or time.monotonic() > end else None)
    check.start(50)
    loop.exec()


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seconds", type=float, default=10.0)
    options.add_argument("--repeats", type=int, default=5)
    options.add_argument("--json", action="store_true")
    options.add_argument("--once", choices=["window", "bare"], help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.once:
        print(json.dumps(measure(chosen.seconds, with_window=chosen.once == "window")))
        return 0
    found: dict[str, list[dict[str, float]]] = {"bare": [], "window": []}
    for _ in range(chosen.repeats):
        for kind, results in found.items():
            results.append(apart(kind, chosen.seconds))
    summary = {
        kind: {
            "p50_ms": statistics.median(one["p50"] for one in results),
            "p99_ms": statistics.median(one["p99"] for one in results),
            "max_ms": max(one["max"] for one in results),
        }
        for kind, results in found.items()
    }
    report = {"bench": "gui_gap", "cores": os.cpu_count(), "repeats": chosen.repeats, **summary}
    report["goal"] = {"p99_ms": 16, "max_ms": 50}
    report["load_before"] = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    if chosen.json:
        print(json.dumps(report))
    else:
        for kind in found:
            print(f"{kind:7}", "  ".join(f"{name} {value:6.1f}" for name, value in summary[kind].items()))
    return 0


def apart(kind: str, seconds: float) -> dict[str, float]:
    """One measurement in a fresh process, so that none inherits another's warmth."""
    import subprocess

    line = [sys.executable, "-m", "tests.bench.gui_gap", "--once", kind, "--seconds", str(seconds)]
    done = subprocess.run(line, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    sys.exit(main())
