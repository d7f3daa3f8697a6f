"""Bytes in words, for messages that both the window and the terminal show."""

from __future__ import annotations


def in_bytes(count: float) -> str:
    """'812 bytes', '9.2 kB', '1.9 GB' (powers of 1000, as disks are sold)."""
    if count < 1000:
        return f"{count:.0f} bytes"
    for unit in ("kB", "MB", "GB"):
        count /= 1000
        if count < 999.5:
            return f"{count:.3g} {unit}"
    return f"{count / 1000:.3g} TB"
