"""How long it takes until the curves of 20 runs with 10,000 points each are on the screen.

    python -m tests.bench.compare [--runs 20] [--points 10000] [--repeats 5] [--json]

A warm window opens the Compare page with that many runs; the clock stops when every point of every
run has been read and the chart has been painted. `stall_ms` is the longest time the event loop was away
meanwhile. `first_ms` is the page's first opening in its process, imports included.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


def write_runs(runs: Path, count: int, points: int) -> list[str]:
    """Runs with one noisy line each, and a validation value every hundredth step."""
    import numpy as np

    from workbench.core import events as ev
    from workbench.store.runfolder import RunConfig, create_run

    made = []
    for number in range(count):
        folder = create_run(runs, RunConfig(recipe="demo-nlu", params={"rank": number}, preset="desk", seed=number))
        random = np.random.default_rng(number)
        values = 0.4 + number / 50 + 1.8 * np.exp(-np.arange(points) / 900) + 0.06 * random.normal(size=points)
        events: list[ev.AnyEvent] = [ev.Started(t=0.0, attempt=1)]
        for step, value in enumerate(values, 1):
            events.append(ev.Metric(step / 10, "loss", float(value), step, "train"))
            if step % 100 == 0:
                events.append(ev.Metric(step / 10, "loss", float(value) + 0.02, step, "validation"))
        folder.append(*events, ev.Finished(t=points / 10))
        made.append(folder.id)
    return made


def measure(count: int, points: int, repeats: int) -> dict[str, object]:
    """Milliseconds from asking for the comparison to the painted chart."""
    from tests.gui.runs import demo_recipe
    from workbench.app import application, make_window, sweep
    from workbench.gui.snapshot import NoRunner
    from workbench.store.home import open_home

    app = application()
    home = open_home(Path(tempfile.mkdtemp(prefix="bench-compare-")))
    made = write_runs(home.runs, count, points)
    known = {"demo-nlu": demo_recipe()}
    window = make_window(home, demo=False, make_runner=lambda: NoRunner(home), recipes=known)
    window.resize(1600, 960)
    window.show()
    sweep(window)
    serve(app, lambda: False, 1.0)
    times, cpu, stalls = [], [], []
    for turn in range(repeats + 1):
        began, worked = time.perf_counter(), time.process_time()
        window.open_compare(made)
        page = window.pages["compare"]
        lines = page.curves.lines

        def shown(page=page) -> bool:
            lines = page.curves.lines
            return page.comparison.caught_up and sum(len(one.values) for one in lines) == count * (
                points + points // 100
            )

        stalls.append(serve(app, shown, 60.0))
        app.processEvents()  # the paint that the last change asked for
        times.append((time.perf_counter() - began) * 1000)
        cpu.append((time.process_time() - worked) * 1000)
        assert shown(), (turn, len(lines))
        page.comparison.set_runs([])
        serve(app, lambda: False, 0.3)
    window.close()
    return {
        "first_ms": round(times[0]),
        "median_ms": round(statistics.median(times[1:])),
        "cpu_ms": round(statistics.median(cpu[1:])),
        "worst_ms": round(max(times[1:])),
        "stall_ms": round(max(stalls[1:])),
    }


def serve(app, until, at_most_s: float) -> float:
    """Run the event loop until something holds; returns the longest turn in milliseconds."""
    end, longest = time.perf_counter() + at_most_s, 0.0
    while not until() and time.perf_counter() < end:
        began = time.perf_counter()
        app.processEvents()
        longest = max(longest, time.perf_counter() - began)
        time.sleep(0.001)
    return longest * 1000


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--runs", type=int, default=20)
    options.add_argument("--points", type=int, default=10_000)
    options.add_argument("--repeats", type=int, default=5)
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    found = measure(chosen.runs, chosen.points, chosen.repeats)
    report = {"bench": "compare", "runs": chosen.runs, "points": chosen.points, "cores": os.cpu_count(), **found}
    report |= {"goal_ms": 1000, "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None}
    print(json.dumps(report) if chosen.json else "  ".join(f"{name} {value}" for name, value in report.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
