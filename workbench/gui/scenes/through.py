"""What a photograph's camera saw, with the photograph over it, and pictures on a ground."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QWidget

from workbench.core.scenes import CamerasDoc, PosedImage, Viewpoint
from workbench.gui.autosave import Background
from workbench.gui.scenes import gaze as gz
from workbench.gui.scenes.scene import Scene
from workbench.gui.scenes.textures import read_picture

Through = tuple[str, int] | None
"""A node of cameras and the place of one in it."""
MOST_SIDE = 2048


def looked_through(scene: Scene, through: Through) -> PosedImage | None:
    """The photograph whose camera one looks through."""
    name, index = through or ("", 0)
    thing = scene.nodes[name].thing if name in scene.nodes else None
    if not isinstance(thing, CamerasDoc) or not 0 <= index < len(thing.images):
        return None
    return thing.images[index]


def seen_through(scene: Scene, through: Through) -> Viewpoint | None:
    """What that camera sees."""
    image = looked_through(scene, through)
    if image is None or through is None:
        return None
    return gz.through(image, scene.view.about, scene.world(through[0]))


class Photograph:
    """Reads the photograph that one looks through on another thread, and paints it where its camera saw it."""

    def __init__(self, scene: Scene, background: Background, owner: QWidget) -> None:
        self.opacity = 0.5
        self._scene, self._background, self._owner = scene, background, owner
        self._path, self._picture = "", QImage()

    def paint(self, painter: QPainter, through: Through, size: QSize) -> None:
        """Paint it, as far as it is read, into a picture of this size; pictures are as high as what the camera saw."""
        image = looked_through(self._scene, through)
        if image is None:
            return
        if self._path != image.path:
            path = self._path = image.path
            self._picture = QImage()
            self._background.background(
                lambda: read_picture(path, MOST_SIDE), then=lambda found: self._take(path, found), owner=self._owner
            )
        if not self._picture.isNull():
            scale = size.height() / image.lens.height
            left, up = size.width() / 2 - image.lens.cx * scale, size.height() / 2 - image.lens.cy * scale
            painter.setOpacity(self.opacity)
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(QRectF(left, up, image.lens.width * scale, size.height()), self._picture)
            painter.setOpacity(1.0)

    def _take(self, path: str, found: QImage) -> None:
        if path == self._path:
            self._picture = found
            self._owner.update()


def grounded(picture: QImage, transparent: bool) -> QImage:
    """On black, unless what is behind the scene stays clear."""
    if transparent:
        return picture
    ground = QImage(picture.size(), QImage.Format.Format_RGB32)
    ground.fill(Qt.GlobalColor.black)
    painter = QPainter(ground)
    painter.drawImage(0, 0, picture)
    painter.end()
    return ground
