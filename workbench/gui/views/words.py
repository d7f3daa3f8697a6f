"""Words and figures as the views write them."""

from __future__ import annotations

import html
import math

from PySide6.QtGui import QFont

from workbench.core.words import spaced


def small(font: QFont) -> QFont:
    """A font for tick labels and captions: a tenth smaller, figures of equal width."""
    smaller = QFont(font)
    smaller.setPointSizeF(max(font.pointSizeF() * 0.88, 6.0))
    smaller.setFeature(QFont.Tag("tnum"), 1)
    return smaller


def wrapped(text: str, limit: int = 1200) -> str:
    """A tooltip of plain text: escaped, wrapped by Qt, lines kept, and of bearable length."""
    short_text = text if len(text) <= limit else text[:limit] + " …"
    return f"<div>{html.escape(short_text)}</div>".replace("\n", "<br>")


def short(value: float) -> str:
    """A number as a person reads it: three decimals, fewer where large, powers where tiny."""
    if not math.isfinite(value):
        return "–"
    size = abs(value)
    if size and (size < 0.001 or size >= 1e6):
        return f"{value:.2e}"
    return f"{value:.3f}" if size < 10 else f"{value:.2f}" if size < 100 else spaced(value)


def span_of_time(seconds: float) -> str:
    """'45 s', '3:20', '1:02:05'."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.3g} s"
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"
