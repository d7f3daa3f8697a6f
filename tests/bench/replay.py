"""How long it takes until an old run of 100,000 events is on the screen.

    python -m tests.bench.replay [--events 100000] [--repeats 5] [--json]

A warm window shows the run in its tab; the clock stops when its last event has been read and every chart
and view that waited has been painted. `stall_ms` is the longest time the event loop was away meanwhile.
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


def write_run(runs: Path, count: int):
    """Metrics mostly, a progress every tenth event, pictures every thousandth step, some log."""
    import numpy as np

    from tests.gui.runs import pictures
    from workbench.core import events as ev
    from workbench.store.runfolder import RunConfig, create_run

    folder = create_run(runs, RunConfig(recipe="demo-nlu", params={"rank": 8}, preset="desk"))
    random = np.random.default_rng(0)
    ready = pictures(folder, 50, 0.0, random)
    events: list[ev.AnyEvent] = [ev.Queued(), ev.Started(t=0.0, attempt=1)]
    step = 0
    while len(events) < count - 1:
        step += 1
        value = 0.4 + 1.8 * np.exp(-step / 9000) + 0.06 * random.normal()
        events.append(ev.Metric(step / 10, "loss", float(value), step, "train"))
        if step % 10 == 0:
            events.append(ev.Progress(step / 10, step, count, phase="training", steps_per_s=10.0))
            events.append(ev.Metric(step / 10, "macro_f1", float(1 - value / 3), step, "validation"))
        if step % 100 == 0:
            events.append(ev.Log(step / 10, f"step {step}"))
        if step % 1000 == 0:
            events += [ev.Artifact(step / 10, one.slot, one.kind, one.path, step, parts=one.parts) for one in ready]
    folder.append(*events[: count - 1], ev.Finished(t=step / 10))
    return folder


def measure(count: int, repeats: int) -> dict[str, object]:
    """Milliseconds from opening the run to everything being painted."""
    from tests.bench.compare import serve
    from tests.gui.runs import demo_recipe
    from workbench.app import application, make_window, sweep
    from workbench.gui.snapshot import NoRunner
    from workbench.store.home import open_home

    app = application()
    home = open_home(Path(tempfile.mkdtemp(prefix="bench-replay-")))
    folder = write_run(home.runs, count)
    known = {"demo-nlu": demo_recipe()}
    window = make_window(home, demo=False, make_runner=lambda: NoRunner(home), recipes=known)
    window.resize(1600, 960)
    window.show()
    sweep(window)
    page = window.open_recipe("demo-nlu")
    serve(app, lambda: False, 1.0)
    times, cpu, read, stalls = [], [], [], []
    for _ in range(repeats + 1):
        began, worked = time.perf_counter(), time.process_time()
        model = page.show_run(folder)
        stall = serve(app, lambda model=model: model.caught_up and model.state.phase == "finished", 60.0)
        read.append((time.perf_counter() - began) * 1000)
        stalls.append(max(stall, serve(app, lambda: not page.showing._waiting, 60.0)))
        app.processEvents()
        times.append((time.perf_counter() - began) * 1000)
        cpu.append((time.process_time() - worked) * 1000)
        assert sum(len(one) for lines in model.metrics.values() for one in lines.values()) > count * 0.8
    window.close()
    return {
        "first_ms": round(times[0]),
        "median_ms": round(statistics.median(times[1:])),
        "read_ms": round(statistics.median(read[1:])),
        "cpu_ms": round(statistics.median(cpu[1:])),
        "worst_ms": round(max(times[1:])),
        "stall_ms": round(max(stalls[1:])),
    }


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--events", type=int, default=100_000)
    options.add_argument("--repeats", type=int, default=5)
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    found = measure(chosen.events, chosen.repeats)
    report = {"bench": "replay", "events": chosen.events, "cores": os.cpu_count(), **found}
    report |= {"goal_ms": 1000, "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None}
    print(json.dumps(report) if chosen.json else "  ".join(f"{name} {value}" for name, value in report.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
