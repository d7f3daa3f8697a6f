"""How a person moves through a scene: orbit, pan, zoom, fly, and ways to a view that end by themselves.

`Scene.look_from` is the truth; here it is only worked out where one looks from next.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import msgspec
import numpy as np
from PySide6.QtCore import QObject, QPointF, Qt, QTimer, Signal

from workbench.core.scenes import Viewpoint
from workbench.core.volumes import Triple
from workbench.gui.scenes import gaze as gz
from workbench.gui.scenes.gaze import Gaze, Vector
from workbench.gui.scenes.scene import Scene, matrix_of, placement_of

MOVE_MS = 260
"""What a way to another view takes."""
TICK_MS = 16
DEG_PER_PIXEL = 0.35
STEEPEST_DEG = 89.5
KEYS = {
    Qt.Key.Key_W: (0, 0, -1), Qt.Key.Key_S: (0, 0, 1), Qt.Key.Key_A: (-1, 0, 0), Qt.Key.Key_D: (1, 0, 0),
    Qt.Key.Key_Q: (0, -1, 0), Qt.Key.Key_E: (0, 1, 0),
}  # fmt: skip
"""Flying: along which of the camera's axes."""


class Navigator(QObject):
    """Changes where a scene is seen from."""

    ended = Signal()
    """A way to another view is at its end."""

    def __init__(self, scene: Scene, seen: Callable[[], Gaze], parent: QObject) -> None:
        """`seen` is the picture as it is now."""
        super().__init__(parent)
        self.scene, self._seen = scene, seen
        self._from: Viewpoint | None = None
        self._to: Viewpoint | None = None
        self._began_s = 0.0
        self._keys: set[Qt.Key] = set()
        self._flown_s = 0.0
        self.speed = 1.0
        """Of flying, as a share of what fits the scene."""
        self._timer = QTimer(self)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._tick)

    @property
    def moving(self) -> bool:
        """Whether it moves by itself."""
        return self._timer.isActive()

    # By hand

    def orbit(self, right_px: float, down_px: float) -> None:
        """Turn around the view's point: about the upright, and up or down as far as the poles."""
        self.stop()
        view = self.scene.view
        pose, about = matrix_of(view.pose), np.array(view.about)
        steep = math.degrees(math.asin(min(1.0, max(-1.0, float(pose[2, 2])))))
        upright = 1.0 if pose[2, 1] >= -1e-9 else -1.0
        pitch = -down_px * DEG_PER_PIXEL
        if upright > 0:  # upside down, as photographs may be, there are no poles
            pitch = steep - min(max(steep - pitch, min(steep, -STEEPEST_DEG)), max(steep, STEEPEST_DEG))
        turn = gz.turn_about(np.array([0.0, 0.0, 1.0]), math.radians(-right_px * DEG_PER_PIXEL * upright))
        turn = turn @ gz.turn_about(pose[:3, 0], math.radians(pitch))
        self.scene.look_from(_turned(view, turn, about))

    def roll(self, degrees: float) -> None:
        """Turn about the line of sight."""
        pose = matrix_of(self.scene.view.pose)
        turn = gz.turn_about(pose[:3, 2], math.radians(degrees))
        self.scene.look_from(_turned(self.scene.view, turn, pose[:3, 3]))

    def pan(self, right_px: float, down_px: float) -> None:
        """Shift the picture by pixels, exactly at the depth of the view's point."""
        self.stop()
        gaze, view = self._seen(), self.scene.view
        pose = matrix_of(view.pose)
        size = gaze.pixel_size(self._depth(view))
        self._shift(pose[:3, 0] * (-right_px * size) + pose[:3, 1] * (down_px * size))

    def zoom(self, factor: float, pivot: Vector) -> None:
        """Come nearer to a point by a factor below 1, or go away from it."""
        self.stop()
        view = self.scene.view
        pose, about = matrix_of(view.pose), np.array(view.about)
        if view.orthographic:
            shift = (pivot - about) * (1 - factor)
            shift -= pose[:3, 2] * (shift @ pose[:3, 2])
            pose[:3, 3] += shift
            moved = msgspec.structs.replace(view, pose=placement_of(pose), about=gz.triple(about + shift))
            self.scene.look_from(msgspec.structs.replace(moved, height=view.height * factor))
            return
        pose[:3, 3] = pivot + (pose[:3, 3] - pivot) * factor
        about = pivot + (about - pivot) * factor
        self.scene.look_from(msgspec.structs.replace(view, pose=placement_of(pose), about=gz.triple(about)))

    def look_around(self, right_px: float, down_px: float) -> None:
        """Turn the head where one stands; the view's point goes along."""
        view = self.scene.view
        pose = matrix_of(view.pose)
        turn = gz.turn_about(np.array([0.0, 0.0, 1.0]), math.radians(-right_px * DEG_PER_PIXEL))
        turn = turn @ gz.turn_about(pose[:3, 0], math.radians(-down_px * DEG_PER_PIXEL))
        eye = pose[:3, 3].copy()
        moved = _turned(view, turn, eye)
        about = eye + turn @ (np.array(view.about) - eye)
        self.scene.look_from(msgspec.structs.replace(moved, about=gz.triple(about)))

    def centre(self, about: Vector) -> None:
        """Orbit around this point from now on; nothing moves."""
        self.scene.look_from(msgspec.structs.replace(self.scene.view, about=gz.triple(about)))

    def key(self, key: Qt.Key, *, down: bool) -> bool:
        """A key of flying; whether it is one."""
        if key not in KEYS:
            return False
        if down:
            if not self._keys:
                self._flown_s = time.perf_counter()
            self._keys.add(key)
            self._to = None
            self._timer.start()
        else:
            self._keys.discard(key)
        return True

    def land(self) -> None:
        """No key of flying is held any more."""
        self._keys.clear()

    # By themselves

    def go(self, view: Viewpoint, *, at_once: bool = False) -> None:
        """To another view, within a moment; at once where nobody watches."""
        self._keys.clear()
        if at_once or view.orthographic != self.scene.view.orthographic:
            self.stop()
            self.scene.look_from(view)
            self.ended.emit()
            return
        self._from, self._to, self._began_s = self.scene.view, view, time.perf_counter()
        self._timer.start()

    def orthographic(self) -> None:
        """Between perspective and parallel lines of sight, with what is around the view's point as large as before."""
        self.stop()
        view = self.scene.view
        depth = max(self._depth(view), 1e-9)
        across = 2 * math.tan(math.radians(view.height_deg) / 2)
        if view.orthographic:
            pose = matrix_of(view.pose)
            pose[:3, 3] += pose[:3, 2] * (view.height / across - depth)
            self.scene.look_from(msgspec.structs.replace(view, orthographic=False, pose=placement_of(pose)))
        else:
            self.scene.look_from(msgspec.structs.replace(view, orthographic=True, height=depth * across))

    def stop(self) -> None:
        """Stay where one is."""
        self._to = None
        if not self._keys:
            self._timer.stop()

    def _tick(self) -> None:
        now = time.perf_counter()
        if self._to is not None and self._from is not None:
            share = min(1.0, (now - self._began_s) * 1000 / MOVE_MS)
            last, eased = self._to, share * share * (3 - 2 * share)
            if share >= 1.0:
                self._to = None
                self._timer.stop()
            self.scene.look_from(last if share >= 1.0 else gz.between(self._from, last, eased))
            if share >= 1.0:
                self.ended.emit()
        elif self._keys:
            self._fly(now - self._flown_s)
            self._flown_s = now
        else:
            self._timer.stop()

    def _fly(self, seconds: float) -> None:
        view = self.scene.view
        bounds = self.scene.bounds()
        reach = float(np.linalg.norm(bounds[1] - bounds[0])) if bounds is not None else 1.0
        step = np.sum([KEYS[one] for one in self._keys], axis=0) * reach * 0.25 * self.speed * min(seconds, 0.1)
        self._shift(matrix_of(view.pose)[:3, :3] @ step)

    def _shift(self, step: Vector) -> None:
        view = self.scene.view
        pose = matrix_of(view.pose)
        pose[:3, 3] += step
        about: Triple = gz.triple(np.array(view.about) + step)
        self.scene.look_from(msgspec.structs.replace(view, pose=placement_of(pose), about=about))

    def _depth(self, view: Viewpoint) -> float:
        pose = matrix_of(view.pose)
        return float((pose[:3, 3] - np.array(view.about)) @ pose[:3, 2])


def _turned(view: Viewpoint, turn: Vector, about: Vector) -> Viewpoint:
    pose = matrix_of(view.pose)
    pose[:3, :3] = turn @ pose[:3, :3]
    pose[:3, 3] = about + turn @ (pose[:3, 3] - about)
    u, _, v = np.linalg.svd(pose[:3, :3])  # turns that add up stay turns
    pose[:3, :3] = u @ v
    return msgspec.structs.replace(view, pose=placement_of(pose))


def moved_px(before: QPointF, after: QPointF) -> tuple[float, float]:
    """How far to the right and down."""
    return after.x() - before.x(), after.y() - before.y()
