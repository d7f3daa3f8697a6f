"""What a cloud of points costs to be seen and to be turned, against pyqtgraph's GLScatterPlotItem.

    python -m tests.bench.scenes_points [--points 10000000] [--repeats 5] [--frames 12] [--json] [--without-peer]

pyqtgraph and PyOpenGL are installed into a throw-away environment that is removed afterwards (PEER_PYTHON names an
interpreter that has them already). Both show the same coloured points, two pixels wide, in a window of 1280 × 800 under
the same display, the one that is there or a virtual one; each repeat is a process of its own, by turns. The first
picture is timed from handing the cloud over to the end of the repaint that shows some of it, in ours from its mapped
file; a frame from the call that turns the view to the end of the repaint; `full` until all points are seen, at rest.
`longest_ms` is the longest that our window's event loop did not come by meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from tests.bench.peer import under_a_display

PEERS = ("pyqtgraph", "PyOpenGL", "PySide6_Essentials<6.12", "numpy")
WIDE, HIGH = 1280, 800

OURS = """
import json, sys, time
import numpy as np
from pathlib import Path
from tests.bench.scenes_gaps import Beats, until
from workbench.app import application
app = application()
from workbench.core.scenes import Column, Node, PointsDoc
from workbench.gui.scenes.canvas import SceneCanvas
from workbench.gui.scenes.scene import Scene
from workbench.gui.opengl import has_opengl
folder, frames, wide, high = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
assert has_opengl()
count = len(np.load(folder / "places.npy", mmap_mode="r"))
scene = Scene()
canvas = SceneCanvas(scene)
canvas.resize(wide, high)
canvas.show()
loaded = time.perf_counter() + 0.8
until(lambda: time.perf_counter() > loaded)
beats = Beats()
beats.start()
thing = PointsDoc(str(folder / "places.npy"), count, (-1.0, -1.0, -1.0), (1.0, 1.0, 1.0),
                  columns=(Column("rgb", "colour", str(folder / "colours.npy")),))
began = time.perf_counter()
scene.set_nodes([Node("cloud", "cloud", thing)])
def sent():
    drawing = canvas._drawing
    item = drawing.renderer.items.get("cloud") if drawing is not None and drawing.renderer is not None else None
    return item is not None and item.ready
until(sent)
seen = canvas.frames
until(lambda: canvas.frames > seen)
first = time.perf_counter() - began
until(lambda: canvas.whole)
full = time.perf_counter() - began
moves = []
for _ in range(frames):
    began = time.perf_counter()
    canvas.navigator.orbit(8, 1)
    canvas.repaint()
    until(lambda: canvas.current)
    canvas.repaint()
    moves.append(time.perf_counter() - began)
began = time.perf_counter()
until(lambda: canvas.whole)
print(json.dumps({"first_s": first, "sent_and_full_s": full, "frame_ms": sorted(moves)[len(moves) // 2] * 1000,
                  "full_after_moving_s": time.perf_counter() - began,
                  "longest_ms": beats.stop()["longest_ms"]}))
canvas.deleteLater()
app.processEvents()
"""
PEER = """
import json, sys, time
import numpy as np
import pyqtgraph as pg
import pyqtgraph.opengl as gl
from pathlib import Path
folder, frames, wide, high = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
app = pg.mkQApp()
places = np.load(folder / "places.npy")
colours = np.ones((len(places), 4), np.float32)
colours[:, :3] = np.load(folder / "colours.npy") / np.float32(255)
view = gl.GLViewWidget()
view.resize(wide, high)
view.setCameraPosition(distance=4)
view.show()
for _ in range(40):
    app.processEvents()
    time.sleep(0.02)
began = time.perf_counter()
view.addItem(gl.GLScatterPlotItem(pos=places, color=colours, size=2.0, pxMode=True, glOptions="opaque"))
def shown():
    view.grabFramebuffer()  # draws now, and waits for the driver
shown()
first = time.perf_counter() - began
moves = []
for _ in range(max(2, frames // 4)):
    began = time.perf_counter()
    view.orbit(3, 0)
    view.grabFramebuffer()  # draws now: a repaint may draw nothing where the window is not in sight
    moves.append(time.perf_counter() - began)
print(json.dumps({"first_s": first, "frame_ms": sorted(moves)[len(moves) // 2] * 1000}))
"""


def cloud(folder: Path, count: int) -> None:
    """A ball's surface with noise, coloured by its place, in an order of which every beginning is an even sample."""
    rng = np.random.default_rng(0)
    places = np.lib.format.open_memmap(folder / "places.npy", "w+", np.float32, (count, 3))
    colours = np.lib.format.open_memmap(folder / "colours.npy", "w+", np.uint8, (count, 3))
    for first in range(0, count, 1 << 20):
        part = rng.normal(size=(min(1 << 20, count - first), 3)).astype(np.float32)
        part /= np.linalg.norm(part, axis=1, keepdims=True)
        part *= rng.uniform(0.9, 1.0, (len(part), 1))
        places[first : first + len(part)], colours[first : first + len(part)] = part, (part * 127 + 128)


def peer_python(folder: Path) -> str:
    """The interpreter of a fresh environment with the peer in it."""
    named = os.environ.get("PEER_PYTHON")
    if named:
        return named
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = str(folder / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS], check=True, stdout=sys.stderr)
    return python


def one(python: str, script: str, folder: Path, frames: int) -> dict[str, float]:
    """One process of either side."""
    line = [python, "-c", script, str(folder), str(frames), str(WIDE), str(HIGH)]
    done = subprocess.run(line, capture_output=True, text=True, check=True, env=os.environ | {"QT_QPA_PLATFORM": "xcb"})
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=10_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--without-peer", action="store_true")
    options = parser.parse_args()
    under_a_display("tests.bench.scenes_points")
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        cloud(data, options.points)
        python = "" if options.without_peer else peer_python(data / "peer")
        sides: dict[str, list[dict[str, float]]] = {"ours": [], "pyqtgraph": []}
        for _ in range(options.repeats):
            sides["ours"].append(one(sys.executable, OURS, data, options.frames))
            if python:
                sides["pyqtgraph"].append(one(python, PEER, data, options.frames))
    found = {side: {name: round(statistics.median(each[name] for each in all_), 3) for name in all_[0]}
             for side, all_ in sides.items() if all_}  # fmt: skip
    if python:
        found["ratio"] = {"frame": round(found["ours"]["frame_ms"] / found["pyqtgraph"]["frame_ms"], 4),
                          "first": round(found["ours"]["first_s"] / found["pyqtgraph"]["first_s"], 4)}  # fmt: skip
    if options.json:
        print(json.dumps({"points": options.points, **found}))
        return
    for side, values in found.items():
        print(side, "  ".join(f"{name} {value:g}" for name, value in values.items()))


if __name__ == "__main__":
    main()
