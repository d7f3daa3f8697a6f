"""Numbers and times in words, as reports write them."""

from __future__ import annotations

import math
import time


def number(value: float | None, digits: int = 4) -> str:
    """Short and exact: 5e-5, 0.01, 1, 0.8421; 'n/a' for what is not a number."""
    if value is None or not math.isfinite(value):
        return "n/a"
    if value == int(value) and abs(value) < 1e7:
        return str(int(value))
    if abs(value) < 1e-3 or abs(value) >= 1e7:
        mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    return f"{value:.{digits}g}"


def duration(seconds: float) -> str:
    """'8 s', '1 min 38 s', '2 h 05 min'."""
    whole = round(max(0.0, seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def moment(epoch_s: float) -> str:
    """'2026-01-31 14:25', in this machine's time."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(epoch_s)) if epoch_s else "n/a"


def in_words(name: str) -> str:
    """'macro_f1' → 'Macro F1'."""
    words = name.replace("_", " ").replace("-", " ").split()
    joined = " ".join(word.upper() if len(word) == 2 and word[1].isdigit() else word for word in words)
    return joined[:1].upper() + joined[1:]
