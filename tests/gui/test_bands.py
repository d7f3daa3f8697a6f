"""Pictures drawn band by band look as those drawn at once, at any scale of the screen."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QRectF
from PySide6.QtGui import QImage, QPainter

from workbench.gui.bands import ROWS, bands


def drawn(banded: bool, ratio: float) -> np.ndarray:
    rng = np.random.default_rng(2)
    tones = rng.integers(0, 2**24, (256, 200), dtype=np.uint32) | np.uint32(0xFF000000)
    picture = QImage(tones.data, 200, 256, 800, QImage.Format.Format_RGB32)
    ground = QImage(round(500 * ratio), round(420 * ratio), QImage.Format.Format_RGB32)
    ground.setDevicePixelRatio(ratio)
    ground.fill(0)
    painter = QPainter(ground)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    room, target = QRectF(40, 10, 440, 400), QRectF(13.3, 10, 480.6, 400)
    if banded:
        seen = []
        for band in bands(painter, room):
            seen.append(band.height() * ratio)
            painter.drawImage(target, picture)
        assert max(seen) <= ROWS + 1 and sum(seen) == pytest.approx(400 * ratio)
    else:
        painter.setClipRect(room)
        painter.drawImage(target, picture)
        painter.setClipping(False)
    painter.fillRect(QRectF(0, 0, 5, 5), 0xFFFFFF)  # the clip is gone
    painter.end()
    assert ground.pixel(0, 0) & 0xFFFFFF
    return np.frombuffer(ground.constBits(), np.uint32).reshape(ground.height(), -1).copy()


@pytest.mark.parametrize("ratio", [1.0, 1.5, 2.0])
def test_that_bands_join_to_the_picture_drawn_at_once(qapp, ratio: float) -> None:
    one, other = drawn(True, ratio), drawn(False, ratio)
    channels = np.stack([(one >> shift & 255).astype(int) - (other >> shift & 255) for shift in (0, 8, 16)])
    assert np.abs(channels).max() <= 2  # rounding of where a band begins in the picture
