"""Whether an MP3 says how long it is: the Xing, Info or VBRI block in its first frame, and whether that can be right.

Without one, a length can only be guessed from the first frame's bit rate, and a file of variable rate is cut off there.
"""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path

ID3_HEAD = 10
SIDE_BYTES = {(True, False): 32, (True, True): 17, (False, False): 17, (False, True): 9}
"""Side information of a frame by whether it is MPEG-1 and mono; a Xing or Info block comes after it."""
SPARE = 1.02
"""A file that is longer than stated by more than this is not described by its first frame: two files in one."""
TAIL_BYTES = 4096
"""Tags at the end of a file are about so long."""


def is_stated(path: Path) -> bool:
    """Whether the first frame states a length that the file's size does not contradict."""
    with contextlib.suppress(OSError, struct.error), path.open("rb") as file:
        head = file.read(ID3_HEAD)
        start = 0
        if head[:3] == b"ID3":
            start = ID3_HEAD + sum(
                (byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True)
            )
        file.seek(start)
        frame = file.read(200)
        if len(frame) < 60 or not _is_header(frame):
            return False
        stated = _stated_bytes(frame)
        size = path.stat().st_size - start
        return stated is not None and (stated == 0 or size <= SPARE * stated + TAIL_BYTES)
    return False


def _is_header(frame: bytes) -> bool:
    """Whether a frame of layer III begins here: sync, layer, a bit rate and a sample rate that exist."""
    return frame[0] == 0xFF and frame[1] & 0xE6 == 0xE2 and frame[2] & 0xF0 not in (0, 0xF0) and frame[2] & 0x0C != 0x0C


def _stated_bytes(frame: bytes) -> int | None:
    """The length in bytes that the first frame states, 0 where it states frames alone; None where it states nothing."""
    at = 4 + SIDE_BYTES[frame[1] & 0x18 == 0x18, frame[3] & 0xC0 == 0xC0]
    if frame[at : at + 4] in (b"Xing", b"Info"):
        flags = struct.unpack(">I", frame[at + 4 : at + 8])[0]
        if not flags & 1:
            return None
        return int(struct.unpack(">I", frame[at + 12 : at + 16])[0]) if flags & 2 else 0
    if frame[36:40] == b"VBRI":
        return int(struct.unpack(">I", frame[46:50])[0])
    return None
