"""Icons of one set (Material Design, from qtawesome's fonts), drawn in the theme's colours.

The font is read directly: importing qtawesome costs a third of the time the whole window may take.
"""

from __future__ import annotations

import functools
import importlib.util
import json
from pathlib import Path

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QIcon, QPainter, QPixmap

from workbench.gui.theme import theme, tokens

SIDES_PX = (16, 20)


@functools.cache
def _font() -> tuple[str, dict[str, str]]:
    """The icon font's family and its names; ('', {}) where the package is not installed."""
    spec = importlib.util.find_spec("qtawesome")
    if spec is None or not spec.submodule_search_locations:
        return "", {}
    folder = Path(spec.submodule_search_locations[0]) / "fonts"
    fonts = sorted(folder.glob("materialdesignicons6*.ttf"))
    maps = sorted(folder.glob("materialdesignicons6*.json"))
    if not fonts or not maps:
        return "", {}
    number = QFontDatabase.addApplicationFont(str(fonts[0]))
    families = QFontDatabase.applicationFontFamilies(number) if number >= 0 else []
    return (families[0], json.loads(maps[0].read_text("utf-8"))) if families else ("", {})


@functools.cache
def _drawn(name: str, colour: str, disabled: str, scale: float) -> QIcon:
    icon = QIcon()
    for size in (round(side * scale) for side in SIDES_PX):
        for ratio in (1, 2):
            icon.addPixmap(_pixmap(name, colour, size, ratio), QIcon.Mode.Normal)
        icon.addPixmap(_pixmap(name, disabled, size, 1), QIcon.Mode.Disabled)
    return icon


def _pixmap(name: str, colour: str, size_px: int, ratio: int) -> QPixmap:
    family, names = _font()
    pixmap = QPixmap(size_px * ratio, size_px * ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    code = names.get(name.removeprefix("mdi6."))
    if not family or code is None:
        return pixmap
    font = QFont(family)
    font.setPixelSize(size_px * ratio)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setFont(font)
    painter.setPen(QColor(colour))
    box = QRect(0, 0, size_px * ratio, size_px * ratio)
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, chr(int(code, 16)))
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


def large_icon(name: str, side_px: int, colour: str) -> QPixmap:
    """An icon as a picture of this size; `icon` has those of buttons and is never drawn larger than them."""
    return _pixmap(name, colour, side_px, 2)


def icon(name: str, colour: str = "") -> QIcon:
    """An icon by its name ('mdi6.play'), in the text colour unless another is asked for."""
    now = tokens()
    return _drawn(name, colour or now.text, now.blend(now.dim, 0.5), theme().scale)
