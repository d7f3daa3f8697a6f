"""Pictures and colour tables as textures of the driver."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage, QImageReader

from workbench.gui.scenes import gl as g
from workbench.gui.scenes.device import Device

MOST_SIDE = 4096
"""Of a picture on a mesh; larger ones are read smaller."""


def read_picture(path: str, most_side: int = MOST_SIDE) -> QImage:
    """A picture file, no larger than that, upright; null where it cannot be read. Runs on any thread."""
    reader = QImageReader(path)
    reader.setAutoTransform(True)
    size = reader.size()
    if max(size.width(), size.height()) > most_side:
        reader.setScaledSize(size.scaled(QSize(most_side, most_side), Qt.AspectRatioMode.KeepAspectRatio))
    return reader.read().convertToFormat(QImage.Format.Format_RGBA8888)


def picture_texture(device: Device, picture: QImage) -> int:
    """A picture as a smooth texture whose v points upwards."""
    picture = picture.convertToFormat(QImage.Format.Format_RGBA8888).flipped()
    rows = np.frombuffer(picture.constBits(), np.uint8)
    name = device.gl.texture(g.FLAT, smooth=True)
    device.gl.glTexImage2D(
        g.FLAT, 0, g.RGBA8, picture.width(), picture.height(), 0, g.RGBA, g.UNSIGNED_BYTE, g.address(rows)
    )
    device.gl.check("a picture was sent")
    return name


def table_texture(device: Device, table: NDArray[np.uint8]) -> int:
    """A colour table (256, 3 or 4) as a texture of one row."""
    rows: NDArray[Any] = np.full((len(table), 4), 255, np.uint8)
    rows[:, : table.shape[1]] = table
    name = device.gl.texture(g.FLAT, smooth=True)
    device.gl.glTexImage2D(g.FLAT, 0, g.RGBA8, len(rows), 1, 0, g.RGBA, g.UNSIGNED_BYTE, g.address(rows))
    device.gl.check("a colour table was sent")
    return name
