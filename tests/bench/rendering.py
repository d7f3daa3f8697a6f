"""How long the first opening of a volume in 3-D holds the window, with and without a warm shader cache.

    python -m tests.bench.rendering [--repeats 3] [--json]

Each repeat opens a window of its own under the display that is there, or a virtual one: first with empty
caches of Qt and the driver, then again with those that the first one left. A timer of one millisecond runs in
the window; what is told is the longest time between two of its ticks, from the key that opens the view to the
fine picture, and the time that takes.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

from tests.bench.peer import under_a_display

WINDOW = """
import json, os, sys, time
import numpy as np
from PySide6.QtCore import Qt, QTimer
from workbench.app import application
from workbench.core.volumes import Geometry, VolumeMeta
app = application()
import pyqtgraph  # as the window does just after its first paint (gui/warmup.py)
from workbench.gui.theme import theme
from workbench.gui.volumes.away import Away
from workbench.gui.volumes.scene import Layer
from workbench.gui.volumes.viewer import VolumeViewer
theme().use("dark")
z, y, x = np.ogrid[-1:1:100j, -1:1:128j, -1:1:120j]
array = (600 - 1400 * (z * z + y * y + x * x)).astype(np.int16)
viewer = VolumeViewer(Away())
viewer.resize(1000, 800)
viewer.show_volumes([Layer(array, VolumeMeta(Geometry((2.0, 2.0, 2.0)), "CT", "HU"))])
viewer.show()
def turn(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        app.processEvents()
        time.sleep(0.0005)
turn(2.0)  # what shows a case in space is imported meanwhile
gaps, last, timer = [], [time.perf_counter()], QTimer()
def tick():
    now = time.perf_counter()
    gaps.append(now - last[0])
    last[0] = now
timer.setTimerType(Qt.TimerType.PreciseTimer)
timer.setInterval(1)
timer.timeout.connect(tick)
timer.start()
turn(0.3)
idle = max(gaps)
gaps.clear()
began = last[0] = time.perf_counter()
viewer.actions_["render"].trigger()
view = viewer.space.view
while not view.whole or view.waiting:
    turn(0.005)
print("told " + json.dumps({"longest_ms": sorted(1000 * one for one in gaps)[-4:], "idle_ms": 1000 * idle,
      "fine_s": time.perf_counter() - began, "drawn": not view.plain}), flush=True)
os._exit(0)
"""


def told(home: str) -> dict[str, object]:
    """What one window measured."""
    caches = os.environ | {"PYTHONDONTWRITEBYTECODE": ""} | {"HOME": home, "XDG_CACHE_HOME": home}
    done = subprocess.run([sys.executable, "-c", WINDOW], capture_output=True, text=True, check=False, env=caches)
    for said in done.stdout.splitlines():
        if said.startswith("told "):
            return json.loads(said.removeprefix("told "))
    raise SystemExit(f"The window told nothing: {done.stderr[-2000:]}")


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    under_a_display("tests.bench.rendering")
    found: dict[str, list[dict[str, object]]] = {"empty caches": [], "warm caches": []}
    for _ in range(chosen.repeats):
        with tempfile.TemporaryDirectory(prefix="rendering-") as home:
            for many in found.values():
                many.append(told(home))
    report: dict[str, object] = {"bench": "rendering", "goal": {"longest_ms": 50}, "load": os.getloadavg()[0]}
    for name, many in found.items():
        longest = statistics.median(one["longest_ms"][-1] for one in many)
        report[name] = {"longest_ms, median": longest, "each": many}
    if chosen.json:
        print(json.dumps(report))
    else:
        for name, value in report.items():
            print(f"{name:16} {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
