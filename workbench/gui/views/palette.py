"""Colours of data: categories that colour-blind eyes tell apart, and perceptually even ramps."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QColor

from workbench.gui.theme import Tokens

SYMBOLS = ("disc", "square", "triangle", "diamond")
"""Shapes that join in when there are more categories than colours."""

READABLE = 4.5
"""The contrast that words of ordinary size need at least (WCAG 2, level AA)."""

SERIES_ORDER = ("train", "validation", "test")
"""Series with a colour of their own, whatever else a chart shows."""

# From Björn Ottosson's OKLab (2020): linear RGB to cone responses, cone responses to L, a, b.
_TO_CONES = np.array(
    [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
     [0.0883024619, 0.2817188376, 0.6299787005]]
)  # fmt: skip
_TO_LAB = np.array(
    [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
     [0.0259040371, 0.7827717662, -0.8086757660]]
)  # fmt: skip


def category(index: int, now: Tokens) -> QColor:
    """The colour of a category; after the eighth the hues return, lighter or darker."""
    hues = now.categories
    colour = _legible(hues[index % len(hues)], now)
    lap = index // len(hues) % 3
    if lap:
        colour = mixed(colour, now.text if lap == 1 else now.background, 0.42)
    return QColor(colour)


def symbol(index: int, now: Tokens) -> str:
    """The shape of a category's points: colours repeat, colour and shape together do not."""
    return SYMBOLS[index // len(now.categories) % len(SYMBOLS)]


def series(name: str, position: int, now: Tokens) -> QColor:
    """The colour of a line: train, validation and test always look the same, others never like them."""
    if name in SERIES_ORDER:
        return category(SERIES_ORDER.index(name), now)
    return category(len(SERIES_ORDER) + position, now)


def _legible(colour: str, now: Tokens) -> str:
    """Yellow vanishes on white: in the light theme very light hues are deepened."""
    light = lightness(colour)
    if not now.dark and light > 0.85:
        return mixed(colour, "#5A4A00", 0.35)
    return mixed(colour, "#FFFFFF", 0.16) if now.dark and light < 0.55 else colour


def ink(colour: QColor | str, now: Tokens) -> QColor:
    """A colour deep (or bright) enough to write words in on the surface."""
    return QColor(mixed(QColor(colour).name(), now.text, 0.33 if now.dark else 0.48))


def on(colour: QColor | str) -> QColor:
    """White or near-black, whichever reads better on a ground of this colour; black where neither reads well."""
    best = max(("#FFFFFF", "#0B1220"), key=lambda words: contrast(words, colour))
    return QColor(best if contrast(best, colour) >= READABLE else "#000000")


def contrast(words: QColor | str, ground: QColor | str) -> float:
    """How well words can be told from their ground, 1 … 21, as the web's accessibility guidelines count it."""
    low, high = sorted((_luminance(QColor(words)), _luminance(QColor(ground))))
    return (high + 0.05) / (low + 0.05)


def lightness(colour: str) -> float:
    """OKLab's L of '#RRGGBB', 0 … 1."""
    return float(_lab(colour)[0])


def mixed(first: str, second: str, share: float) -> str:
    """`share` of the second colour in the first, mixed evenly to the eye (in OKLab)."""
    return _hex(_lab(first) * (1 - share) + _lab(second) * share)


@functools.lru_cache(maxsize=64)
def ramp(low: str, high: str, steps: int = 256) -> NDArray[np.uint8]:
    """An even scale between two colours, (steps, 3) uint8 RGB."""
    share = np.linspace(0.0, 1.0, steps)[:, None]
    return _rgb(_lab(low) * (1 - share) + _lab(high) * share)


def metric_ramp(now: Tokens) -> NDArray[np.uint8]:
    """From poor to good as lines on the surface, (256, 3) uint8 RGB: even in lightness, apart for every eye."""
    return ramp("#3C5488", "#F5E663") if now.dark else ramp("#B7C3D9", "#0F2E78")


@functools.lru_cache(maxsize=1024)
def _lab(colour: str) -> NDArray[np.float64]:
    whole = QColor(colour)
    linear = _linear(np.array([whole.redF(), whole.greenF(), whole.blueF()]))
    cones = np.cbrt(_TO_CONES @ linear)
    return np.asarray(_TO_LAB @ cones)


def _luminance(colour: QColor) -> float:
    shares = _linear(np.array([colour.redF(), colour.greenF(), colour.blueF()]))
    return float(shares @ (0.2126, 0.7152, 0.0722))


def _rgb(lab: NDArray[np.float64]) -> NDArray[np.uint8]:
    cones = (lab @ np.linalg.inv(_TO_LAB).T) ** 3
    linear = np.clip(cones @ np.linalg.inv(_TO_CONES).T, 0, 1)
    gamma = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(np.round(gamma * 255), dtype=np.uint8)


def _linear(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def _hex(lab: NDArray[np.float64]) -> str:
    red, green, blue = (int(part) for part in _rgb(lab))
    return f"#{red:02X}{green:02X}{blue:02X}"
