"""How long until the window is there, against napari, each started cold in a process of its own.

    python -m tests.bench.startup [--repeats 5] [--json] [--without-peer]

napari is installed into a throw-away environment that is removed afterwards (PEER_PYTHON names
an interpreter that has it already). Both are timed from the start of the process to the end of
the first turn of the event loop after the window was painted, by turns, under the same display:
the one that is there, or a virtual one. Home and the first recipe's tab are timed apart; no
worker is attached, as that happens after the first paint anyway.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.peer import install_peer, under_a_display

WINDOW = """
import os, sys
from pathlib import Path
from PySide6.QtCore import QTimer
from workbench.app import application, make_window
from workbench.store.home import open_home
app = application()
home = open_home(Path(sys.argv[1]))
home.window_state.write_text('{"page": "%s"}' % sys.argv[2])
window = make_window(home, demo=False)
def told():
    print("shown", flush=True)
    os._exit(0)
window._begin = lambda: QTimer.singleShot(0, told)
window.show()
app.exec()
"""
BARE = """
import os
import pyqtgraph
from PySide6.QtCore import QTimer
app = pyqtgraph.mkQApp()
window = pyqtgraph.PlotWidget()
window.plot([1, 2, 3])
window.show()
QTimer.singleShot(0, lambda: QTimer.singleShot(0, lambda: (print("shown", flush=True), os._exit(0))))
app.exec()
"""
PEER = """
import os
import napari
from qtpy.QtCore import QTimer
viewer = napari.Viewer()
QTimer.singleShot(0, lambda: QTimer.singleShot(0, lambda: (print("shown", flush=True), os._exit(0))))
napari.run()
"""


def seconds_until_shown(line: list[str]) -> float:
    """Wall-clock seconds from the start of a process to its word that the window is there."""
    began = time.perf_counter()
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        for said in process.stdout or ():
            if said.strip() == "shown":
                spent = time.perf_counter() - began
                process.kill()
                return spent
    raise SystemExit(f"No window came: {' '.join(line[:1])} ended with {process.returncode}")


def contestants(peer: str, home: Path) -> dict[str, list[str]]:
    """What is timed, by name."""
    first = first_recipe()
    lines = {
        "window (home)": [sys.executable, "-c", WINDOW, str(home), "home"],
        "window (first recipe)": [sys.executable, "-c", WINDOW, str(home), f"recipe:{first}"],
        "bare pyqtgraph": [sys.executable, "-c", BARE],
    }
    return lines | ({"napari": [peer, "-c", PEER]} if peer else {})


def first_recipe() -> str:
    """The recipe that the first start opens."""
    from workbench.recipes import recipes

    return sorted(name for name, one in recipes().items() if one.tab.name == "text")[0]


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--repeats", type=int, default=5)
    options.add_argument("--json", action="store_true")
    options.add_argument("--without-peer", action="store_true")
    chosen = options.parse_args()
    under_a_display("tests.bench.startup")
    with tempfile.TemporaryDirectory(prefix="startup-") as scratch:
        peer = "" if chosen.without_peer else install_peer(Path(scratch) / "peer")
        lines = contestants(peer, Path(scratch) / "home")
        for line in lines.values():
            seconds_until_shown(line)
        spent: dict[str, list[float]] = {name: [] for name in lines}
        for _ in range(chosen.repeats):
            for name, line in lines.items():
                spent[name].append(seconds_until_shown(line))
    medians = {name: statistics.median(times) for name, times in spent.items()}
    against = "napari" if "napari" in medians else "bare pyqtgraph"
    report = {
        "bench": "startup", "repeats": chosen.repeats, "cores": os.cpu_count(), "median_s": medians,
        "against": against, "ratio": {name: value / medians[against] for name, value in medians.items()},
        "goal": {"against napari": 0.35},
    }  # fmt: skip
    if chosen.json:
        print(json.dumps(report))
    else:
        for name, value in medians.items():
            print(f"{name:24} {value:6.2f} s   {value / medians[against]:5.2f} × {against}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
