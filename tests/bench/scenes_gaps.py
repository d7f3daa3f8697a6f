"""How long the scene holds the window's event loop, and how soon what one did is seen: a large cloud, a large volume.

    python -m tests.bench.scenes_gaps [--points 10000000] [--side 512] [--only NAME ...] [--without-volume] [--json]

A window with a real worker reads a PLY of so many points (colours, classes, normals, intensity), and then everything is
done to it that a person does, one after the other; afterwards a volume of side³ int16 is shown. A timer of 1 ms notes
how long its beats took to come. For each deed: `longest_ms`, the longest gap; `p99_ms`; `done_s`, until the scene holds
what was asked for; `seen_s`, until a picture of it is on the screen; `whole_s`, until all of it is drawn. `idle` is the
same window with nothing to do: what the machine adds by itself. For the volume, `beyond_mb` is by how much the window's
memory that is not the mapped file grew at most, and `kept_mb` what of that was left.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import msgspec
import numpy as np

from tests.bench.peer import under_a_display

BEAT_MS = 1
PATIENCE_S = 900.0
WHOLE_S = 60.0
"""How long all of a picture is waited for: in software a large volume takes minutes."""


class Beats:
    """Notes when the event loop comes by."""

    def __init__(self) -> None:
        from PySide6.QtCore import Qt, QTimer

        self._beats: list[float] = []
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(lambda: self._beats.append(time.perf_counter()))

    def start(self) -> None:
        self._beats = [time.perf_counter()]
        self._timer.start(BEAT_MS)

    def stop(self) -> dict[str, float]:
        self._timer.stop()
        self._beats.append(time.perf_counter())
        gaps = np.diff(self._beats) * 1000
        return {"longest_ms": float(gaps.max()), "p99_ms": float(np.percentile(gaps, 99))}


def until(holds: Callable[[], object]) -> float:
    """Run the event loop for real until something holds; the seconds it took.

    A loop that is asked again and again keeps Python from the thread that draws: it was eight times as slow.
    """
    from PySide6.QtCore import QEventLoop, Qt, QTimer

    began, loop, check = time.perf_counter(), QEventLoop(), QTimer()
    check.setTimerType(Qt.TimerType.PreciseTimer)

    def look() -> None:
        if holds():
            loop.quit()
        elif time.perf_counter() - began > PATIENCE_S:
            raise SystemExit("A deed did not come to its end.")

    check.timeout.connect(look)
    check.start(2)
    if not holds():
        loop.exec()
    return time.perf_counter() - began


def write_ply(path: Path, count: int) -> None:
    """A ball's shell with everything that one colours and selects by."""
    chance = np.random.default_rng(0)
    kinds = [(one, "<f4") for one in ("x", "y", "z", "nx", "ny", "nz", "intensity")]
    kinds += [(one, "u1") for one in ("red", "green", "blue", "classification")]
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {count}"]
    header += [f"property {'float' if kind == '<f4' else 'uchar'} {name}" for name, kind in kinds]
    with path.open("wb") as file:
        file.write("\n".join([*header, "end_header\n"]).encode())
        for first in range(0, count, 1 << 20):
            many = min(1 << 20, count - first)
            out = chance.normal(size=(many, 3)).astype(np.float32)
            out /= np.linalg.norm(out, axis=1, keepdims=True)
            rows = np.zeros(many, kinds)
            at = out * chance.uniform(0.9, 1.0, (many, 1))
            for axis, name in enumerate("xyz"):
                rows[name], rows[f"n{name}"] = at[:, axis], out[:, axis]
            for axis, name in enumerate(("red", "green", "blue")):
                rows[name] = at[:, axis] * 127 + 128
            rows["intensity"], rows["classification"] = at[:, 0], chance.integers(0, 7, many)
            rows.tofile(file)


def write_volume(path: Path, side: int) -> None:
    """A ball whose values rise to its middle, with noise, slice by slice."""
    chance = np.random.default_rng(0)
    found = np.lib.format.open_memmap(path, "w+", np.int16, (side, side, side))
    along = (np.arange(side) - side / 2) / (side / 2)
    y, x = np.meshgrid(along, along, indexing="ij")
    for at in range(side):
        away = np.sqrt(along[at] ** 2 + y**2 + x**2)
        found[at] = np.clip(1200 - 1400 * away, -1000, 1200) + chance.normal(0, 15, (side, side))
    found.flush()


def own_mb() -> float:
    """The memory of this process that is not a file's (Linux)."""
    said = Path("/proc/self/status").read_text(encoding="ascii")
    return int(said.partition("RssAnon:")[2].split()[0]) / 1024


@contextlib.contextmanager
def most_mb() -> Iterator[list[float]]:
    """The most of `own_mb` meanwhile, noted every 10 ms by a thread."""
    found, ended = [own_mb()], threading.Event()

    def watch() -> None:
        while not ended.wait(0.01):
            found[0] = max(found[0], own_mb())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


class Probe:
    """A window, and what is done to its scene."""

    def __init__(self, folder: Path, only: list[str]) -> None:
        from workbench.app import application, make_window
        from workbench.runner.local import LocalRunner
        from workbench.store.home import open_home

        self.app = application()
        self.folder, self.only = folder, only
        self.home = open_home(folder / "home")
        self.window = make_window(self.home, demo=False, make_runner=lambda: LocalRunner(self.home, client="bench"))
        self.window.resize(1366, 768)
        self.window.show()
        self.until(lambda: self.window.link.state.pid > 0)
        self.page: Any = self.window.open_page("scenes")
        self.scene, self.canvas = self.page.scene, self.page.canvas
        self.beats = Beats()
        self.rows: dict[str, dict[str, float]] = {}
        self.run(1.0)

    # The event loop

    def run(self, seconds: float) -> None:
        end = time.perf_counter() + seconds
        self.until(lambda: time.perf_counter() >= end)

    def until(self, holds: Callable[[], object]) -> float:
        return until(holds)

    # Deeds

    def deed(
        self, name: str, do: Callable[[], object], done: Callable[[], object] = lambda: True, *, draws: bool = True
    ) -> None:
        """Do something, and note until when it is done, seen, and all drawn."""
        began = time.perf_counter()
        self.beats.start()
        do()
        self.until(done)
        row = {"done_s": time.perf_counter() - began}
        if draws:
            frames = self.canvas.frames
            self.until(lambda: self.canvas.whole or (self.canvas.current and self.canvas.frames > frames))
            row["seen_s"] = time.perf_counter() - began
            self.until(lambda: self.canvas.whole or time.perf_counter() - began > WHOLE_S)
            if self.canvas.whole:
                row["whole_s"] = time.perf_counter() - began
        row |= self.beats.stop()
        if not self.only or any(one in name for one in self.only):
            self.rows[name] = row
            print(f"{name}: {row['longest_ms']:.0f} ms", file=sys.stderr, flush=True)
        self.run(0.3)

    def edit(self, name: str, do: Callable[[], object], *, undone: bool = True) -> None:
        """A deed that is an edit, then its undo and redo, or only the deed."""
        stack, free = self.page.document.stack, lambda: not self.page.cropping.busy
        at = stack.index()
        self.deed(name, do, lambda: stack.index() > at and free())
        if undone:
            self.deed(f"{name}: undo", self.page.document.undo, lambda: stack.index() == at and free())
            self.deed(f"{name}: redo", self.page.document.redo, lambda: stack.index() == at + 1 and free())

    def stroke(self, tool: str) -> None:
        """Drag a tool over a quarter of the picture, as a mouse does, until the button is let go."""
        from PySide6.QtCore import QEvent, QPointF, Qt
        from PySide6.QtGui import QMouseEvent

        self.page.toolbox.use(tool)
        self.run(0.2)
        wide, high = self.canvas.width(), self.canvas.height()
        turn = np.linspace(0, 2 * np.pi, 60)
        at = np.stack([wide * (0.5 + 0.25 * np.cos(turn)), high * (0.5 + 0.25 * np.sin(turn))], axis=1)
        if tool == "box":
            at = np.linspace((wide * 0.25, high * 0.25), (wide * 0.75, high * 0.75), 40)
        left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier

        def send(kind: QEvent.Type, where: Any, held: Qt.MouseButton) -> None:
            spot = QPointF(*map(float, where))
            world = QPointF(self.canvas.mapToGlobal(spot))
            button = left if kind != QEvent.Type.MouseMove else Qt.MouseButton.NoButton
            self.app.sendEvent(self.canvas, QMouseEvent(kind, spot, world, button, held, none))

        send(QEvent.Type.MouseButtonPress, at[0], left)
        for one in at[1:]:
            send(QEvent.Type.MouseMove, one, left)
            self.run(0.015)
        send(QEvent.Type.MouseButtonRelease, at[-1], Qt.MouseButton.NoButton)
        self.page.toolbox.use(tool)

    def look(self, **values: Any) -> None:
        """Change settings of the cloud's look as the panel does."""
        for field, value in values.items():
            self.page.properties._set_look(field, value)

    def show(self, name: str, shown: bool) -> None:
        """See a thing or not, as its mark in the tree does."""
        node = self.scene.nodes[name]
        self.page.trees.put([msgspec.structs.replace(node, shown=shown)], "show")

    # What is measured

    def cloud(self, count: int) -> None:
        page, scene, stack = self.page, self.scene, self.page.document.stack
        ply = self.folder / "cloud.ply"
        write_ply(ply, count)
        self.deed("idle", lambda: self.run(2.0), draws=False)
        self.deed("read by the worker", lambda: page.open_paths([str(ply)]), lambda: scene.nodes, draws=False)
        self.deed("sent and drawn", lambda: None)
        (name,) = [one.id for one in scene.nodes.values() if one.kind == "points"]
        self.deed("choose", lambda: scene.choose([name]))
        self.deed("turn", lambda: [(self.canvas.navigator.orbit(8, 1), self.run(0.03)) for _ in range(20)])
        for tool in ("box", "lasso", "brush"):
            self.edit(f"select by {tool}", lambda tool=tool: self.stroke(tool))
        self.edit("invert", page.cropping.invert)
        for way in ("column:classification", "height", "normals", "column:intensity", "plain"):
            self.edit(
                f"colour by {way}", lambda way=way: self.look(colour_by=way), undone=way == "column:classification"
            )
        self.edit("leave a class out", lambda: (self.look(colour_by="column:classification"), self.look(without=(1,))),
                  undone=False)  # fmt: skip
        self.deed("hide the thing", lambda: self.show(name, False))
        self.deed("show the thing", lambda: self.show(name, True))
        self.edit("crop", page.cropping.hide)
        stack.undo()
        self.run(0.5)
        self.edit("delete selected", page.cropping.delete)
        stack.undo()
        self.run(0.5)
        path = self.folder / "kept.scene"
        self.deed("save project", lambda: page.keeping._write(path), lambda: path.exists() and page.document.clean,
                  draws=False)  # fmt: skip

    def volume(self, side: int) -> None:
        from workbench.core.scenes import ClipPlane, Node, VolumeDoc
        from workbench.core.volumes import VolumeFile, VolumeMeta

        page, scene = self.page, self.scene
        page._close()
        self.run(1.0)
        path = self.folder / "volume.npy"
        write_volume(path, side)
        node = Node("volume", "volume", VolumeDoc(VolumeFile(str(path), VolumeMeta())))
        before = own_mb()
        with most_mb() as most:
            self.deed("volume: shown", lambda: page.trees.add([node], "read"), self._has_volume)
        self.rows.get("volume: shown", {}).update(beyond_mb=most[0] - before, kept_mb=own_mb() - before)
        scene.choose(["volume"])
        self.run(1.0)
        table = ((-100.0, (20, 20, 60), 0.0), (300.0, (220, 120, 60), 0.02), (1100.0, (255, 255, 255), 0.4))
        self.deed("volume: transfer function", lambda: page.properties._set_transfer(table, 300.0, False))
        self.deed("volume: clip plane", lambda: scene.set_clips((ClipPlane((1.0, 0.0, 0.0), side / 2),)))
        self.deed("volume: clip plane moves", self._move_clip)
        self.deed("volume: turn", lambda: [(self.canvas.navigator.orbit(8, 1), self.run(0.03)) for _ in range(20)])

    def _has_volume(self) -> bool:
        drawing = self.canvas._drawing
        rays = drawing.renderer.rays if drawing is not None and drawing.renderer is not None else {}
        return any(one.ready for one in list(rays.values()))

    def _move_clip(self) -> None:
        from workbench.core.scenes import ClipPlane

        for at in range(20):
            self.scene.set_clips((ClipPlane((1.0, 0.0, 0.0), 200.0 + 5 * at),))
            self.run(0.03)

    def close(self) -> None:
        from tests.plugins.fixtures import end_worker

        self.window.leave_quietly()
        self.window.deleteLater()
        end_worker(self.home)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=10_000_000)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="tell of deeds whose names hold one")
    parser.add_argument("--without-volume", action="store_true")
    parser.add_argument("--without-cloud", action="store_true")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    under_a_display("tests.bench.scenes_gaps")
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        probe = Probe(Path(folder), asked.only)
        try:
            if not asked.without_cloud:
                probe.cloud(asked.points)
            if not asked.without_volume:
                probe.volume(asked.side)
        finally:
            probe.close()
    rows = {name: {key: round(value, 3) for key, value in row.items()} for name, row in probe.rows.items()}
    if asked.json:
        print(json.dumps({"points": asked.points, "side": asked.side, "load_before": load, "deeds": rows}))
        return
    print(f"{'':36}{'longest':>9}{'p99 ms':>8}{'done s':>9}{'seen s':>8}{'whole s':>9}  load {load:.1f}")
    for name, row in rows.items():
        told = [f"{row[key]:{wide}.1f}" for key, wide in (("longest_ms", 9), ("p99_ms", 8))]
        told += [f"{row[key]:{wide}.2f}" if key in row else " " * wide
                 for key, wide in (("done_s", 9), ("seen_s", 8), ("whole_s", 9))]  # fmt: skip
        more = [f"  {key} {row[key]:.0f}" for key in ("beyond_mb", "kept_mb") if key in row]
        print(f"{name:36}", *told, *more, sep="")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
