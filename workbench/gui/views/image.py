"""Pictures on black, as large as they fit; single ones and grids of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QImageReader, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from workbench.core import events as ev
from workbench.gui.views import reading
from workbench.gui.views.base import Rows, View


class ImageView(View):
    """One picture; black around it in both themes, so that its tones are seen as they are."""

    name = "Picture"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.canvas = Canvas(self)
        self.set_body(self.canvas)

    def read(self, folder: Path, artifact: ev.Artifact) -> QImage:
        path = reading.inside(folder, artifact.path)
        reader = QImageReader(str(path))
        image = reader.read()
        if image.isNull():
            received = reader.errorString() if path.exists() else "no such file"
            raise reading.damaged(path, "a picture", received)
        return image

    def draw(self, content: QImage) -> None:
        self.canvas.show_image(content)
        # What a recipe calls it, its place says; beside that, its size would take the room.
        titled = self.artifact is not None and self.artifact.title
        self.set_caption("" if titled else f"{content.width()} × {content.height()} pixels")

    def rows(self) -> tuple[Sequence[str], Rows]:
        image = self.canvas.image
        return ("width", "height"), [[image.width(), image.height()]]


class Canvas(QWidget):
    """Paints a picture, scaled smoothly when shrunk and in plain pixels when much enlarged."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.image = QImage()
        self.setAccessibleName("Picture")

    def show_image(self, image: QImage) -> None:
        """Show this picture."""
        self.image = image
        self.update()

    def sizeHint(self) -> QSize:
        return self.image.size() if not self.image.isNull() else QSize(160, 120)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(Qt.GlobalColor.black))
        if not self.image.isNull():
            size = self.image.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
            smooth = size.width() < 4 * self.image.width()
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
            left, top = (self.width() - size.width()) / 2, (self.height() - size.height()) / 2
            painter.drawImage(QRectF(left, top, size.width(), size.height()), self.image)
        painter.end()
