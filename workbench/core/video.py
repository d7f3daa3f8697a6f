"""Moving pictures as frames by number: what a file says of itself, when its frames are shown, and one decoded frame.

A frame's number counts shown frames from 0, in the order of their times; times are seconds from the first one.
What is decoded is decoded by a process of its own (`engine/video/avframes.py`), which is asked in JSON lines and
answers with a JSON line, after some of which a frame's bytes follow.
"""

from __future__ import annotations

import bisect

import msgspec

VIDEO_SUFFIXES = (
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".gif", ".mpg", ".mpeg", ".ts", ".m2ts", ".wmv", ".flv", ".ogv",
    ".3gp", ".mxf",
)  # fmt: skip
"""What a dropped folder is searched for; a chosen file may end in anything."""
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
"""What a folder of single pictures is shown from, in natural order of their names."""


class VideoFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a video says of itself; `width` and `height` are as shown: square pixels, turned upright.

    `frames` is what the header states, 0 where it states nothing; `duration_s` likewise.
    """

    width: int
    height: int
    coded_width: int
    coded_height: int
    codec: str
    format: str
    pixel_format: str
    frames_per_s: float
    """On average; see the index for when each frame is shown."""
    frames: int = 0
    duration_s: float = 0.0
    rotation_degrees: int = 0
    """How far, clockwise, stored pictures were turned to stand upright."""
    pixel_aspect: float = 1.0
    """Width of a stored pixel over its height."""
    bits: int = 8
    has_sound: bool = False
    notes: tuple[str, ...] = ()


class FrameIndex(msgspec.Struct, frozen=True):
    """When every frame is shown: `times` in ticks of `tick_s` seconds, ascending; `keys` are the frames one can
    begin to decode at."""

    tick_s: float
    times: tuple[int, ...]
    keys: tuple[int, ...]
    notes: tuple[str, ...] = ()
    digest: str = ""
    """Of the encoded frames and their times, wherever the file lies; empty until all of it has been read."""
    alone_s: float = 0.0
    """How long a frame without another one is shown."""

    def __len__(self) -> int:
        return len(self.times)

    def time_s(self, frame: int) -> float:
        """When a frame is shown, in seconds from the first one."""
        return (self.times[frame] - self.times[0]) * self.tick_s

    def frame_at(self, time_s: float) -> int:
        """The frame that is on screen at a time: the last one shown by then; the first one before any."""
        tick = self.times[0] + time_s / self.tick_s
        # A millionth of a tick: times made from ticks come back to their own frame.
        return max(0, bisect.bisect_right(self.times, tick + 1e-6) - 1)

    @property
    def duration_s(self) -> float:
        """From the first frame to the end of the last one, which is taken to stay as long as the one before."""
        if len(self.times) < 2:
            return self.alone_s if self.times else 0.0
        return (2 * self.times[-1] - self.times[-2] - self.times[0]) * self.tick_s

    @property
    def steady(self) -> bool:
        """Whether all frames are shown for the same time, give or take a tick."""
        steps = [b - a for a, b in zip(self.times, self.times[1:], strict=False)]
        return not steps or max(steps) - min(steps) <= 1


class FrameTold(msgspec.Struct, frozen=True, omit_defaults=True):
    """What comes before a frame's bytes: `height` rows of `width` RGB pixels of a byte each."""

    time: int
    width: int
    height: int
    decode_ms: float = 0.0
    key: bool = False
    last: bool = False
    """There is no frame after it."""
    channels: int = 3
    """Bytes of a pixel: RGB, or (4) BGRA with nothing to be seen through, as screens have it."""
    faults: int = 0
    """How many pieces of the file could not be decoded so far."""


class ClipsMeta(msgspec.Struct, frozen=True, omit_defaults=True):
    """The meta of a Clips artifact: how fast its clips are played, and what its maps show."""

    frames_per_s: float = 8.0
    maps: str = ""
    """'attention of the spatial query', in the words of whoever made them; empty without maps."""
    group: str = ""
    """Who said it of the clips, where several did in turn: items of this group, picked in another view, lead here."""
