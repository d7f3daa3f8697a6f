"""How long a slice takes to change, a stroke to be seen and a large volume to open, against napari.

    python -m tests.bench.slices [--repeats 5] [--changes 60] [--json] [--without-peer]

napari is installed into a throw-away environment that is removed afterwards (PEER_PYTHON names an
interpreter that has it already). Both show the same 512 × 512 × 128 volume of 16-bit values with
labels in a window of the same size under the same display, the one that is there or a virtual one;
each repeat is a process of its own, by turns. A change of slice is timed from the call that asks
for it to the end of the repaint it causes.
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

from tests.bench.peer import install_peer, under_a_display

SIDE = 512
SLICES = 128

DATA = """
import numpy as np
def data(slices, side):
    y, x = np.ogrid[-1:1:side * 1j, -1:1:side * 1j]
    noise = np.random.default_rng(0).normal(0, 40, (side, side))
    values, labels = np.empty((slices, side, side), np.int16), np.zeros((slices, side, side), np.uint8)
    for z in range(slices):
        size = 0.9 - 0.5 * abs(z / slices - 0.5)
        away = (x / size) ** 2 + (y / size) ** 2
        values[z] = np.where(away < 1, 60, -1000) + np.roll(noise, z)
        for value in (1, 2, 3):
            labels[z][((x - 0.2) ** 2 + (y + 0.1) ** 2) * value < 0.12 * size] = value
    return values, labels
"""

OURS = (
    DATA
    + """
import json, os, sys, time
from pathlib import Path
import psutil
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication
from workbench.app import application
from workbench.core.volumes import Geometry, Label, VolumeMeta
folder, changes, side, slices = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
app = application()
from workbench.gui.theme import theme
from workbench.gui.volumes.away import Away
from workbench.gui.volumes.labelmap import LabelMap, open_labels
from workbench.gui.volumes.scene import Layer, open_volume
from workbench.gui.volumes.viewer import VolumeViewer
theme().use("dark")
meta = VolumeMeta(Geometry((1.0, 1.0, 1.0)), "CT", "HU", (40, 400), tuple(Label(v, f"label {v}") for v in (1, 2, 3)))

def settle(seconds=0.5):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        app.processEvents()

def viewer_of(volume, labels):
    viewer = VolumeViewer(Away())
    viewer.resize(1280, 1280)
    layers = [Layer(open_volume(volume), meta)]
    viewer.show_volumes(layers, LabelMap(open_labels(labels), meta, path=labels) if labels else None)
    viewer.show()
    settle()
    return viewer

def timed(go, canvases, at):
    began = time.perf_counter()
    go(at)
    for canvas in canvases:
        canvas.repaint()
    return (time.perf_counter() - began) * 1000

out = {}
viewer = viewer_of(folder / "volume.npy", folder / "labels.npy")
axial = viewer.canvases["axial"]
viewer.canvases["axial"].setFocus()
viewer.actions_["one"].trigger()
settle()
out["pixels"] = [axial.width(), axial.height()]
z = [8 + (i * 7) % (slices - 16) for i in range(changes + 5)]
out["one"] = [timed(lambda at: viewer.go((at, side // 2, side // 2)), [axial], at) for at in z][5:]
viewer.actions_["one"].trigger()
settle()
three = list(viewer.canvases.values())
out["three"] = [
    timed(lambda at: viewer.go((at, side // 2 + at % 40, side // 2 + at % 40)), three, at) for at in z
][5:]

viewer.actions_["one"].trigger()
viewer.editor.choose("brush")
viewer.editor.brush.radius_mm = 12
settle()
def mouse(kind, at, button, buttons):
    where = axial.to_screen(side * 0.3 + at % 40, side * 0.3 + at)
    return QMouseEvent(kind, where, axial.mapToGlobal(where), button, buttons, Qt.KeyboardModifier.NoModifier)
L, N = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
QApplication.sendEvent(axial, mouse(QEvent.Type.MouseButtonPress, 0, L, L))
strokes = []
for at in range(3, 3 + 3 * changes, 3):
    event = mouse(QEvent.Type.MouseMove, at % 200, N, L)
    began = time.perf_counter()
    QApplication.sendEvent(axial, event)
    axial.repaint()
    strokes.append((time.perf_counter() - began) * 1000)
began = time.perf_counter()
QApplication.sendEvent(axial, mouse(QEvent.Type.MouseButtonRelease, at % 200, L, N))
out["stroke"], out["stroke_end"] = strokes, [(time.perf_counter() - began) * 1000]
viewer.editor.labels.path = None
viewer.editor.finish()
viewer.hide()
viewer.deleteLater()
app.processEvents()
del viewer, axial, three

large = folder / "large.npy"
began = time.perf_counter()
np.save(large, np.load(folder / "large-source.npy", mmap_mode="r"))
out["write_s"] = [time.perf_counter() - began]
before = psutil.Process().memory_info().rss
began = time.perf_counter()
viewer = VolumeViewer(Away())
viewer.resize(1280, 1280)
out["build_s"] = [time.perf_counter() - began]
viewer.show_volumes([Layer(open_volume(large), meta)])
viewer.show()
while not all(c._ground is not None for c in viewer.canvases.values()):
    app.processEvents()
out["open_s"] = [time.perf_counter() - began]
settle(1.0)
out["open_memory_share"] = [(psutil.Process().memory_info().rss - before) / large.stat().st_size]
print("told " + json.dumps(out), flush=True)
os._exit(0)
"""
)

PEER = (
    DATA
    + """
import json, os, sys, time
import napari, numpy as np
from pathlib import Path
from qtpy.QtWidgets import QApplication
folder, changes, side, slices = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
viewer = napari.Viewer()
window = viewer.window._qt_window
window.resize(1280, 1280)
viewer.add_image(np.load(folder / "volume.npy", mmap_mode="r"), contrast_limits=(-160, 240))
layer = viewer.add_labels(np.array(np.load(folder / "labels.npy")))
app = QApplication.instance()
canvas = viewer.window._qt_viewer.canvas
def settle(seconds=1.0):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        app.processEvents()
settle()
def timed(at):
    began = time.perf_counter()
    viewer.dims.set_current_step(0, at)
    canvas._scene_canvas.native.repaint()
    return (time.perf_counter() - began) * 1000
z = [8 + (i * 7) % (slices - 16) for i in range(changes + 5)]
out = {"one": [timed(at) for at in z][5:], "version": napari.__version__}
native = canvas._scene_canvas.native
out["pixels"] = [native.width(), native.height()]
print("told " + json.dumps(out), flush=True)
os._exit(0)
"""
)


def told(line: list[str]) -> dict[str, list[float]]:
    """What a process measured."""
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    for said in done.stdout.splitlines():
        if said.startswith("told "):
            return json.loads(said.removeprefix("told "))
    raise SystemExit(f"{line[0]} told nothing: {done.stderr[-2000:]}")


def write_data(folder: Path) -> None:
    """The volume, its labels, and a large volume's source."""
    import numpy as np

    made: dict[str, object] = {}
    exec(DATA, made)
    values, labels = made["data"](SLICES, SIDE)
    np.save(folder / "volume.npy", values)
    np.save(folder / "labels.npy", labels)
    large = np.lib.format.open_memmap(folder / "large-source.npy", "w+", np.int16, (SIDE, SIDE, SIDE))
    for z in range(SIDE):
        large[z] = values[z % SLICES]
    large.flush()


def p95(values: list[float]) -> float:
    """The 95th percentile of one process's times."""
    return sorted(values)[min(len(values) - 1, int(0.95 * len(values)))]


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--repeats", type=int, default=5)
    options.add_argument("--changes", type=int, default=60)
    options.add_argument("--json", action="store_true")
    options.add_argument("--without-peer", action="store_true")
    chosen = options.parse_args()
    under_a_display("tests.bench.slices", "1920x1400")
    ours: list[dict[str, list[float]]] = []
    theirs: list[dict[str, list[float]]] = []
    with tempfile.TemporaryDirectory(prefix="slices-") as scratch:
        folder = Path(scratch)
        peer = "" if chosen.without_peer else install_peer(folder / "peer")
        write_data(folder)
        words = [str(folder), str(chosen.changes), str(SIDE), str(SLICES)]
        for _ in range(chosen.repeats):
            ours.append(told([sys.executable, "-c", OURS, *words]))
            if peer:
                theirs.append(told([peer, "-c", PEER, *words]))
    report = summary(ours, theirs) | {"repeats": chosen.repeats, "changes": chosen.changes, "cores": os.cpu_count()}
    report["load"] = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    if chosen.json:
        print(json.dumps(report))
    else:
        for name, value in report.items():
            print(f"{name:24} {value}")
    return 0


def summary(ours: list[dict[str, list[float]]], theirs: list[dict[str, list[float]]]) -> dict[str, object]:
    """Medians over the processes of each one's median and p95, and the ratios that the goals are about."""

    def over(found: list[dict[str, list[float]]], name: str) -> dict[str, float]:
        return {
            "median_ms": statistics.median(statistics.median(one[name]) for one in found),
            "p95_ms": statistics.median(p95(one[name]) for one in found),
        }

    names = ("one", "three", "stroke", "stroke_end")
    report: dict[str, object] = {"bench": "slices", "workbench": {name: over(ours, name) for name in names}}
    write, shown = (statistics.median(one[name][0] for one in ours) for name in ("write_s", "open_s"))
    built = statistics.median(one["build_s"][0] for one in ours)
    report["large volume"] = {
        "viewer built, part of shown_s": built,
        "write_s": write, "shown_s": shown, "write and show against write": (write + shown) / write,
        "the same in a viewer that is there": (write + shown - built) / write,
        "memory_share": statistics.median(one["open_memory_share"][0] for one in ours),
    }  # fmt: skip
    report["pixels"] = {"workbench": ours[0]["pixels"]}
    if theirs:
        peer = {"one": over(theirs, "one")}
        report["napari"] = peer | {"version": theirs[0]["version"]}
        report["pixels"] = {"workbench": ours[0]["pixels"], "napari": theirs[0]["pixels"]}
        base = peer["one"]["p95_ms"]
        report["ratio"] = {"one plane": over(ours, "one")["p95_ms"] / base,
                           "three planes": over(ours, "three")["p95_ms"] / base}  # fmt: skip
    report["goal"] = {"one plane": 0.3, "three planes": 0.7, "stroke p95_ms": 16, "large volume": 1.3,
                      "memory_share": 0.1}  # fmt: skip
    return report


if __name__ == "__main__":
    sys.exit(main())
