"""Lets the graphics driver compile what draws scenes before a canvas needs it, so that it holds no window up.

Drivers compile a program when it is first drawn with, a tenth of a second each in software, and keep the outcome on
disk. So a small scene with one thing of each kind is drawn once by another thread, in a context of its own.
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import shiboken6
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QOffscreenSurface

from workbench.core.problem import Problem, ProblemRecord
from workbench.core.scenes import Box, BoxesDoc, MeshDoc, Node, PointsDoc, RadianceDoc, RadianceMeta, VolumeDoc
from workbench.core.volumes import VolumeFile, VolumeMeta
from workbench.gui.scenes import gaze as gz
from workbench.gui.scenes.device import Device, offscreen, wanted_format
from workbench.gui.scenes.renderer import Renderer
from workbench.gui.scenes.scene import Scene

SIDE_PX = 33
PATIENCE_S = 10.0
LOW, HIGH = (-1.0, -1.0, -1.0), (1.0, 1.0, 1.0)


class Warmth(QObject):
    """Whether the driver has compiled, once for a program."""

    _compiled = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.done = False
        self._begun = False
        self._waiting: list[tuple[QObject, Callable[[], None]]] = []
        self._surface: QOffscreenSurface | None = None
        self._compiled.connect(self._end, Qt.ConnectionType.QueuedConnection)

    def when_done(self, owner: QObject, then: Callable[[], None]) -> None:
        """Begin where nobody has, and call `then` at the end; a driver that fails here fails again where it is told."""
        if not self._begun:
            self._begun = True
            self._surface = offscreen(wanted_format())  # it goes on the thread that it came on
            # Python waits for its own threads before it ends, which a driver that compiles must not outlive.
            threading.Thread(target=self._warm, args=(self._surface,), name="warming scenes").start()
        self._waiting.append((owner, then))

    def _warm(self, surface: QOffscreenSurface) -> None:
        try:
            warm(surface)
        finally:
            self._compiled.emit()

    def _end(self) -> None:
        self.done = True
        waiting, self._waiting, self._surface = self._waiting, [], None
        for owner, then in waiting:
            if shiboken6.isValid(owner):
                then()


warmth = Warmth()


class _Here:
    """Does at once what others do on another thread."""

    def background(
        self, work: Callable[[], Any], *, then: Callable[[Any], None] | None = None,
        failed: Callable[[ProblemRecord], None] | None = None, owner: QObject | None = None,
    ) -> None:  # fmt: skip
        found = work()
        if then is not None:
            then(found)


def warm(surface: QOffscreenSurface) -> None:
    """Draw one of everything, small; on any thread."""
    with contextlib.suppress(Problem), tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        device = Device(surface)
        scene = Scene()
        scene.set_nodes(_things(Path(folder)))
        scene.look_from(gz.fixed(scene.view, "corner", scene.bounds(), 1.0))
        renderer = Renderer(scene, lambda record: None, _Here(), lambda: None, scene, device=device)
        try:
            renderer.sync()
            until = time.perf_counter() + PATIENCE_S
            while not renderer.send(until) and time.perf_counter() < until:
                pass
            renderer.begin(gz.gaze(scene.view, SIDE_PX, SIDE_PX, scene.bounds()), 1.0)
            renderer.advance(until, moving=True)
            renderer.present()
            renderer.advance(until)
            renderer.present()
        finally:
            renderer.close()


def _things(folder: Path) -> list[Node]:
    """One of each kind, their arrays in a folder."""
    corners = np.array([LOW, (1, -1, 0), HIGH], np.float32)
    grid = np.zeros((4, 4, 4, 4), np.float32)
    grid[1:] = (1, 1, 1, 0.5)
    voxels = np.arange(48, dtype=np.int16).reshape(3, 4, 4)  # sides that are powers of two are compiled for anew
    arrays: dict[str, Any] = {
        "places": corners, "vertices": corners, "faces": np.array([[0, 1, 2]], np.uint32), "grid": grid,
        "odd": grid[:3, :3, :3], "voxels": voxels, "odd voxels": voxels[:, :3, :3],
    }  # fmt: skip
    paths = {name: str(folder / f"{name}.npy") for name in arrays}
    for name, array in arrays.items():
        np.save(paths[name], array)
    mesh = MeshDoc(paths["vertices"], paths["faces"], 3, 1, LOW, HIGH)
    return [
        Node("points", "", PointsDoc(paths["places"], 3, LOW, HIGH)),
        Node("mesh", "", mesh),
        Node("clear", "", mesh, look={"opacity": 0.5}),
        Node("boxes", "", BoxesDoc((Box((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),))),
        *(Node(one, "", RadianceDoc(paths[one], (3, 3, 3), RadianceMeta(LOW, HIGH))) for one in ("grid", "odd")),
        *(Node(one, "", VolumeDoc(VolumeFile(paths[one], VolumeMeta()))) for one in ("voxels", "odd voxels")),
    ]
