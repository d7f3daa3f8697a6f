"""Numbers, times and sizes in words, the same in the window, the terminal, reports and logs."""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import SupportsFloat


def number(value: float | None, digits: int = 4) -> str:
    """Short and exact: 5e-5, 0.01, 1, 0.8421; 'n/a' for what is not a number."""
    if value is None or not math.isfinite(value):
        return "n/a"
    if value == int(value) and abs(value) < 1e7:
        return str(int(value))
    if abs(value) < 1e-3 or abs(value) >= 1e7:
        mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        return f"{mantissa}e{int(exponent)}"
    return f"{value:.{digits}g}"


def duration(seconds: float) -> str:
    """'8 s', '1 min 38 s', '2 h 05 min'."""
    whole = round(max(0.0, seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def took(seconds: float) -> str:
    """The same for what is over: '0.4 s', '8.2 s', '1 min 38 s'."""
    return f"{max(seconds, 0.0):.1f} s" if seconds < 10 else duration(seconds)


def size(count: float) -> str:
    """'812 MB', '1.9 GB' (powers of 1000, as disks and memory are sold and shown)."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.0f} {unit}" if unit in ("B", "kB", "MB") or count >= 99.5 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def moment(epoch_s: float, now: dt.datetime | None = None) -> str:
    """'14:25', 'yesterday 09:10', '31 Jan 14:25', '2025-11-03'."""
    then, now = dt.datetime.fromtimestamp(epoch_s), now or dt.datetime.now()
    days = (now.date() - then.date()).days
    if days == 0:
        return f"{then:%H:%M}"
    if days == 1:
        return f"yesterday {then:%H:%M}"
    return f"{then.day} {then:%b %H:%M}" if then.year == now.year else f"{then:%Y-%m-%d}"


def count(amount: int, noun: str, plural: str = "") -> str:
    """'1 run', '3 runs'."""
    return f"{spaced(amount)} {noun if amount == 1 else plural or noun + 's'}"


def spaced(value: SupportsFloat, digits: int = 0) -> str:
    """'1\u202f234\u202f567', '12\u202f034.50': thousands set apart by a thin space at which no line breaks."""
    return f"{round(float(value), digits) + 0.0:,.{digits}f}".replace(",", "\u202f")


def in_words(name: str) -> str:
    """'macro_f1' → 'Macro F1', 'psnr' → 'PSNR (dB)': a metric's or slot's name as a title."""
    words = name.replace("_", " ").replace("-", " ").split()
    if words and words[-1] == "psnr":
        words.append("db")
    joined = " ".join(_spelled(word) for word in words)
    if not joined or joined[0] != name[0]:
        return joined
    first = joined.partition(" ")[0]
    return joined if first in _ABBREVIATIONS.values() else joined[:1].upper() + joined[1:]


_ABBREVIATIONS = {"psnr": "PSNR", "ssim": "SSIM", "mse": "MSE", "iou": "IoU", "miou": "mIoU", "macc": "mAcc",
                  "auc": "AUC", "auroc": "AUROC", "hd95": "HD95", "db": "(dB)"}  # fmt: skip


def _spelled(word: str) -> str:
    """A word as the field writes it: 'F1', 'AP25', 'mIoU'."""
    if re.fullmatch(r"[a-z]\d|ap\d+", word):
        return word.upper()
    return _ABBREVIATIONS.get(word, word)
