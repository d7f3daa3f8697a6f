"""What one job.metric costs the training loop, against a plain json.dumps line and the goal of 20 µs.

python -m tests.bench.job_metric --json

Measured with the events file being written ten times a second beside it, in a run folder on the
disk that holds the temporary files; the median, and the 99th percentile of single calls.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench.core.events import Metric
from workbench.store.runfolder import EventTail, RunConfig, create_run
from workbench.worker.job import RunningJob

GOAL_US = 20.0


def singly(call: Callable[[int], None], count: int) -> list[float]:
    """Microseconds of each of `count` calls."""
    clock, taken = time.perf_counter, []
    for step in range(count):
        began = clock()
        call(step)
        taken.append((clock() - began) * 1e6)
    return taken


def together(call: Callable[[int], None], count: int) -> float:
    """Microseconds a call in a row of `count`."""
    began = time.perf_counter()
    for step in range(count):
        call(step)
    return (time.perf_counter() - began) / count * 1e6


def paced(call: Callable[[int], None], seconds: float, rate: int) -> float:
    """Median microseconds of a call at `rate` a second, as a training loop makes them."""
    taken, step, end = [], 0, time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        call(step)
        taken.append((time.perf_counter() - began) * 1e6)
        step += 1
        time.sleep(max(0.0, 1 / rate - (time.perf_counter() - began)))
    return statistics.median(taken)


def measure(repeats: int, count: int) -> dict[str, Any]:
    """Medians over repeats, and whether every metric arrived in the file."""
    in_row, single, slow, written, sent = [], [], [], 0, 0
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as root:
            folder = create_run(Path(root), RunConfig("bench", {}))
            job = RunningJob(folder)

            def call(step: int, job: RunningJob = job) -> None:
                job.metric("loss", 0.125, series="train", step=step)

            in_row.append(together(call, count))
            single += singly(call, count)
            job.writer.close()
            sent += 2 * count
            written += sum(isinstance(event, Metric) for event in EventTail(folder.events_path).read())
    with tempfile.TemporaryDirectory() as root:
        job = RunningJob(create_run(Path(root), RunConfig("bench", {})))
        slow = [paced(lambda step: job.metric("loss", 0.125, series="train", step=step), 0.5, 1000)
                for _ in range(repeats)]  # fmt: skip
        job.writer.close()
    line = [together(lambda step: json.dumps({"name": "loss", "step": step, "value": 0.125}) and None, count)
            for _ in range(repeats)]  # fmt: skip
    single.sort()
    return {
        "in_a_row_us": round(statistics.median(in_row), 2),
        "single_p50_us": round(single[len(single) // 2], 2),
        "single_p99_us": round(single[int(len(single) * 0.99)], 2),
        "at_1000_a_second_p50_us": round(statistics.median(slow), 2),
        "json_dumps_us": round(statistics.median(line), 2),
        "goal_us": GOAL_US,
        "sent": sent,
        "lost": sent - written,
        "calls": count,
        "repeats": repeats,
    }


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    asked = parser.parse_args()
    figures = measure(asked.repeats, asked.calls)
    print(json.dumps(figures) if asked.json else "\n".join(f"{name}: {value}" for name, value in figures.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
