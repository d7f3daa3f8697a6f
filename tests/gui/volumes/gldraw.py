"""Run by a test in a process of its own, on a display with OpenGL: draws known cases, prints what came out."""

from __future__ import annotations

import json
import sys

import numpy as np
from PySide6.QtCore import QSize
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from workbench.core.scenes import Viewpoint
from workbench.core.volumes import Geometry, Label, VolumeMeta
from workbench.gui.opengl import has_opengl
from workbench.gui.scenes import gaze as gz
from workbench.gui.volumes.away import Away
from workbench.gui.volumes.bodies import MODES
from workbench.gui.volumes.labelmap import LabelMap
from workbench.gui.volumes.looks import Look
from workbench.gui.volumes.scene import Layer
from workbench.gui.volumes.spacepane import Setting
from workbench.gui.volumes.viewer import VolumeViewer

SIDE, PICTURE = 32, QSize(128, 128)
CLEAR, WHITE = (255, 255, 255), (255, 255, 255)
LOOK = Look(((0, CLEAR, 0.0), (128, CLEAR, 0.0), (153, WHITE, 0.9), (255, WHITE, 0.9)), 128.0)
MIDDLE = np.full(3, (SIDE - 1) / 2)


def pixels(image: QImage) -> np.ndarray:
    """(rows, columns, 3), red first."""
    image = image.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : image.width() * 3].reshape(image.height(), image.width(), 3).astype(int)


def viewer(labels: np.ndarray, values: np.ndarray | None, *kinds: Label) -> VolumeViewer:
    meta = VolumeMeta(Geometry(), labels=kinds)
    found = VolumeViewer(Away())
    found.resize(800, 800)
    found.show_volumes([] if values is None else [Layer(values, meta)], LabelMap(labels, meta, found))
    found.show()
    return found


def until(true: object) -> None:
    for _ in range(3000):
        if true():  # type: ignore[operator]
            return
        QTest.qWait(20)
    raise SystemExit("nothing came")


def whole(shown: VolumeViewer) -> None:
    view = shown.space.view
    QTest.qWait(30)
    until(lambda: view.whole and not view.waiting)


def standing(found: dict) -> None:
    """A red cube in the middle; before its left half, seen from the front, stands a white slab."""
    labels, values = np.zeros((SIDE,) * 3, np.uint8), np.zeros((SIDE,) * 3, np.uint8)
    labels[10:22, 10:22, 10:22], values[:, 2:6, :16] = 1, 255
    shown = viewer(labels, values, Label(1, "cube", "#ff0000"))
    shown.actions_["render"].trigger()
    pane = shown.space
    until(lambda: pane.setting is not None)
    shown.actions_["render-labels"].trigger()
    until(lambda: pane.bodies.meshes)
    pane.take(Setting("auto", LOOK))
    for name, side in (("front", -40.0), ("back", 40.0)):
        pose = gz.looking(MIDDLE + np.array((0, side, 0)), MIDDLE, np.array((0, 0, 1.0)))
        pane.view.scene.look_from(Viewpoint(pose, about=gz.triple(MIDDLE), orthographic=True, height=SIDE))
        found[name] = {}
        for mode in MODES:
            pane.set_mode(mode)
            whole(shown)
            image = pixels(pane.view.grab_picture(PICTURE))
            found[name][mode] = [_named(image[64, at]) for at in (50, 78, 120)]


def _named(pixel: np.ndarray) -> str:
    red, green, blue = pixel
    if max(green, blue) < 40:
        return "red" if red > 100 else "black"
    return "white" if min(green, blue) > 0.85 * red else "both"


def surfaces(found: dict) -> None:
    """Two labels side by side, then one within another."""
    labels = np.zeros((30, 30, 30), np.uint8)
    labels[13:17, 13:17, 2:6], labels[13:17, 13:17, 24:28] = 1, 2  # the second lies at the patient's left
    shown = viewer(labels, None, Label(1, "one"), Label(2, "other"))
    shown.actions_["solid"].trigger()
    until(lambda: shown.space.bodies.meshes)
    whole(shown)
    image = pixels(shown.space.view.grab_picture(PICTURE))
    for name, sign in (("blue", -1), ("orange", 1)):
        colour = sign * (image[..., 0] - image[..., 2]) > 20
        found[name] = float(np.nonzero(colour)[1].mean() / PICTURE.width())
    z, y, x = np.ogrid[:40, :40, :40]
    away = np.sqrt((z - 20) ** 2 + (y - 20) ** 2 + (x - 20) ** 2)
    nested = np.where(away < 8, 2, np.where(away < 15, 1, 0)).astype(np.uint8)
    shown.show_volumes([], LabelMap(nested, VolumeMeta(Geometry(), labels=(Label(1, "out"), Label(2, "in"))), shown))
    until(lambda: len(shown.space.bodies.meshes) == 2 and shown.space.bodies.meshes[1].low[0] > 3)
    whole(shown)
    image = pixels(shown.space.view.grab_picture(PICTURE))
    found["nested"] = float(image[58:70, 58:70].std(axis=(0, 1)).max())


def main() -> None:
    app = QApplication([])
    found: dict = {}
    if not has_opengl():
        print("no OpenGL")
        return
    standing(found)
    surfaces(found)
    print(json.dumps(found), flush=True)
    for window in app.topLevelWidgets():
        window.close()
        window.deleteLater()
    QTest.qWait(50)


if __name__ == "__main__":
    main()
    sys.exit(0)
