"""Run by a test in a process of its own, on a display with OpenGL: draws known volumes, prints what came out."""

from __future__ import annotations

import json
import sys
from threading import Thread, current_thread, main_thread

import numpy as np
from PySide6.QtCore import QRect, QSize
from PySide6.QtGui import QColor, QImage, QMatrix4x4, QQuaternion
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from workbench.core.volumes import Geometry, VolumeMeta
from workbench.gui.volumes.away import Away
from workbench.gui.volumes.camera import FRONT
from workbench.gui.volumes.glmesh import MeshPainter, has_opengl, triangles
from workbench.gui.volumes.glvolume import VolumePainter, table_of
from workbench.gui.volumes.scene import Layer
from workbench.gui.volumes.surfaces import surface_of
from workbench.gui.volumes.tones import tones_of
from workbench.gui.volumes.viewer import VolumeViewer

SIDE = 32
WHITE = [(0.0, (0, 0, 0), 0.0), (0.5, (255, 255, 255), 0.0), (0.6, (255, 255, 255), 0.9), (1.0, (255, 255, 255), 0.9)]


def pixels(image: QImage) -> np.ndarray:
    """(rows, columns, 3), red first."""
    image = image.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : image.width() * 3].reshape(image.height(), image.width(), 3).astype(int)


def ball() -> np.ndarray:
    z, y, x = np.ogrid[:SIDE, :SIDE, :SIDE]
    middle = (SIDE - 1) / 2
    away = np.sqrt((z - middle) ** 2 + (y - middle) ** 2 + (x - middle) ** 2)
    return np.clip(255 - 16 * away, 0, 255).astype(np.uint8)


def painted(found: dict) -> bool:
    """The painter alone, looked along z without perspective: a pixel is a column of voxels."""
    painter = VolumePainter()
    if not painter.able:
        return False
    array = ball()
    array[:, 3, 28] = np.arange(SIDE) * 7  # something off the middle, to see a picture that is turned
    tones = tones_of(array, Geometry(), (0, 255))
    painter.begin(tones.tones)
    while not painter.send():
        pass
    painter.colour(table_of(WHITE))
    placed = QMatrix4x4(*tones.placed(Geometry()).ravel().tolist())
    seen = QMatrix4x4()
    seen.ortho(-0.5, SIDE - 0.5, -0.5, SIDE - 0.5, -SIDE, SIDE * 2)  # y upwards
    size = QSize(SIDE, SIDE)
    maximum = pixels(painter.draw(size, seen, placed, pace=0.25, mode="maximum"))[::-1, :, 0]
    found["maximum"] = int(np.abs(maximum - array.max(axis=0)).max())
    large = QSize(SIDE * 8, SIDE * 8)
    whole = pixels(painter.draw(large, seen, placed, pace=0.5))
    part = QRect(40, 90, 101, 77)
    cut = pixels(painter.draw(large, seen, placed, pace=0.5, part=part))
    found["parts"] = int(np.abs(cut - whole[90:167, 40:141]).max())
    found["middle"], found["corner"] = int(whole[128, 128].min()), int(whole[2, 2].max())
    level = 0.4
    surface = pixels(painter.draw(large, seen, placed, pace=0.25, mode="surface", level=level)).max(axis=2)
    surface[:, 200:] = 0  # without the line off the middle
    found["silhouette"] = float(np.sqrt((surface > 0).sum() / np.pi) / 8)
    found["expected"] = (255 - level * 255) / 16
    found["thin"] = int(pixels(painter.draw(large, seen, placed, pace=0.5, mode="surface", level=1.0)).max())
    painter.colour(table_of([(0.0, (255, 255, 255), 0.0), (1.0, (255, 255, 255), 0.0)]))
    found["clear"] = int(pixels(painter.draw(large, seen, placed, pace=0.5)).max())
    painter.close()
    return True


def standing(found: dict) -> None:
    """A red cube in the middle; before its left half, seen from the front, stands a white slab."""
    labels = np.zeros((SIDE,) * 3, np.uint8)
    labels[10:22, 10:22, 10:22] = 1
    array = np.zeros((SIDE,) * 3, np.uint8)
    array[:, 2:6, :16] = 255
    tones = tones_of(array, Geometry(), (0, 255))
    painter, meshes = VolumePainter(), MeshPainter()
    meshes.take({1: triangles(surface_of(labels, 1, Geometry()))})
    painter.begin(tones.tones)
    while not painter.send():
        pass
    painter.colour(table_of(WHITE))
    placed = QMatrix4x4(*tones.placed(Geometry()).ravel().tolist())
    size = QSize(128, 128)
    for name, turn in (("front", FRONT), ("back", QQuaternion.fromAxisAndAngle(0, 1, 0, 180) * FRONT)):
        seen, turned = QMatrix4x4(), QMatrix4x4()
        turned.rotate(turn)
        seen.ortho(-16, 16, -16, 16, -40, 40)
        seen *= turned
        seen.translate(-15.5, -15.5, -15.5)
        found[name] = {}
        for mode in ("composite", "surface"):
            drawn = list(meshes.standing(size, {1: QColor("#ff0000")}, seen, turned))
            painter.stand(drawn[-1])
            image = pixels(painter.draw(size, seen, placed, pace=0.25, mode=mode, level=0.5))
            found[name][mode] = ["red" if r > 100 > g + b else "white" if b > 100 else "black"
                                 for r, g, b in (image[64, 50], image[64, 78], image[64, 120])]  # fmt: skip
    painter.stand(None)
    found["alone"] = int(pixels(painter.draw(size, seen, placed, pace=0.25))[64, 50].sum())
    painter.close()


def watched(found: dict) -> None:
    """Note on which thread the first picture is drawn, for which the driver compiles."""
    delivered = VolumePainter.draw

    def draw(self: VolumePainter, *args: object, **keys: object) -> QImage:
        found.setdefault("first drawn", "window" if current_thread() is main_thread() else "elsewhere")
        return delivered(self, *args, **keys)

    VolumePainter.draw = draw


def ended(found: dict) -> None:
    """A painter that is closed while nobody has warmed it, and warmed afterwards; one that is closed after it."""
    for late in (True, False):
        painter = VolumePainter()
        lent = painter.lend((8, 9, 9))
        warm = Thread(target=painter.warm, args=((8, 9, 9),))
        if not late:
            warm.start()
        painter.close()
        if late:
            warm.start()
        warm.join(20)
        found[f"closed, {'then' if late else 'while'} warmed"] = lent and not painter.able and not warm.is_alive()
    other = VolumePainter()
    other.lend((8, 9, 9))
    other.warm((8, 9, 9))
    found["lent again"] = [other.lend((16, 21, 3)), other.lend((16, 16, 16))]
    other.close()


def shown(found: dict) -> None:
    """The whole viewer: what lies at the patient's left stands at the right, and the fine picture comes."""
    array = np.full((30, 30, 30), -1000, np.int16)
    array[13:17, 13:17, 2:6], array[13:17, 13:17, 24:28] = 60, 600  # the second lies at the patient's left
    meta = VolumeMeta(Geometry((2.0, 2.0, 2.0)), "CT", "HU")
    viewer = VolumeViewer(Away())
    viewer.resize(800, 800)
    viewer.show_volumes([Layer(array, meta)])
    viewer.show()
    viewer.actions_["render"].trigger()
    view = viewer.rendered.view
    for value, name in ((0, "both"), (300, "left")):
        viewer.rendered.set_mode("surface")
        for _ in range(600):
            QTest.qWait(20)
            if view.tones is not None and viewer.rendered.setting is not None:
                break
        viewer.rendered.level.setValue(round(view.tones.tone(value) * 500))
        QTest.qWait(30)
        for _ in range(2):  # hidden before it is done, and shown again
            viewer.actions_["render"].trigger()
            QTest.qWait(50)
        for _ in range(600):
            QTest.qWait(20)
            if view.fine:
                break
        found["fine"] = view.fine
        image = pixels(view.grab().toImage())[20:-20, 20:-20].max(axis=2)  # without letters at the edges
        found[name] = float(np.nonzero(image[:, image.shape[1] // 20 :] > 60)[1].mean() / image.shape[1])
    found["right"] = 2 * found.pop("both") - found["left"]


def main() -> None:
    app = QApplication([])
    found: dict = {}
    if not has_opengl() or not painted(found):
        print("no OpenGL")
        return
    standing(found)
    ended(found)
    watched(found)
    shown(found)
    print(json.dumps(found), flush=True)
    for window in app.topLevelWidgets():
        window.close()
        window.deleteLater()
    QTest.qWait(50)


if __name__ == "__main__":
    main()
    sys.exit(0)
