"""The small copy of a film: pictures of those frames that take long to decode, in the cache, by the film's content.

Only frames that lie far behind their key frame are in it. They come in parts, each an archive of JPEG pictures whose
entries are called by the frames' times in ticks; a part is there whole or not at all, so that a copy can be gone on
with. A part that is damaged is deleted and made anew. Nothing here decodes a film (core/filmcopier.py).
"""

from __future__ import annotations

import bisect
import contextlib
import itertools
import math
import os
import struct
import time
import zipfile
import zlib
from collections.abc import Container, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from workbench.core.video import FrameIndex, VideoFacts
from workbench.store.shedding import GROWING

FOLDER = "film-copies"
"""Below the home's cache."""
VERSION = 2
"""Of the parts' form and of what is in which of them: files of another version are not looked at, and go with time."""
FAR_PIXELS = 20_000_000
"""So many pixels behind its key frame a frame is far: 10 frames at 1920 × 1080, 22 at 1280 × 720."""
PART_FRAMES = 64
"""At most; the frames behind one key frame are divided evenly."""
SIDES = (640, 480, 320, 240)
"""How long the longer side of a picture may be; the smaller ones where there is no room for the larger."""
QUALITY = 60
USUAL_BYTES = 0.12
"""Of a JPEG pixel, before the first part of a film says more."""
LEAST_BYTES = 256 << 20
"""A copy may take this much, also of a small film."""
OF_FILM, OF_ROOM = 2.0, 0.5
"""It takes no more than twice its film's bytes, and half of the room for all copies."""
FORSAKEN_S = 30.0
"""A part to which nothing comes for so long is one whose writer has ended."""
FREE_BYTES = 1 << 30
"""So much of the disk stays free."""


class Part(NamedTuple):
    """Frames that follow each other, both ends included."""

    first: int
    last: int


def far_parts(index: FrameIndex, facts: VideoFacts) -> tuple[Part, ...]:
    """The frames that take long to decode, in parts; none where every frame is near its key frame."""
    near = math.ceil(FAR_PIXELS / max(facts.coded_width * facts.coded_height, 1))
    found: list[Part] = []
    edges = np.array((0, *index.keys, len(index)), np.int64)
    # Hours of key frames alone are gone through in no time.
    for at in np.flatnonzero(np.diff(edges) > near + 1).tolist():
        first, after = int(edges[at]) + near + 1, int(edges[at + 1])
        count = math.ceil((after - first) / PART_FRAMES)
        cuts = [first + (after - first) * at // count for at in range(count + 1)]
        found += [Part(one, other - 1) for one, other in itertools.pairwise(cuts)]
    return tuple(found)


class FilmCopy:
    """What there is of one film's copy. One thread makes parts while others read; each sees a part when it is whole."""

    def __init__(self, folder: Path, index: FrameIndex, facts: VideoFacts) -> None:
        """`folder` is `home.cache / FOLDER`; nothing is read before `look`."""
        self.folder, self.index = folder, index
        self.parts = far_parts(index, facts) if index.digest else ()
        self._firsts = [one.first for one in self.parts]
        self._aspect = min(facts.width, facts.height) / max(facts.width, facts.height, 1)
        self._longer = max(facts.width, facts.height)
        self._prefix = f"{index.digest}-{VERSION}-"
        # Changed and asked in single steps, which no lock would make safer.
        self._made: dict[int, int] = {}
        self._pixel_bytes = USUAL_BYTES

    def look(self) -> None:
        """See what is on the disk already; raises OSError where the folder cannot be made or read."""
        self.folder.mkdir(parents=True, exist_ok=True)
        sizes, made = {}, {}
        with os.scandir(self.folder) as entries:
            for entry in entries:
                if entry.name.startswith(self._prefix):
                    with contextlib.suppress(OSError):
                        sizes[entry.name] = entry.stat().st_size
        for at in range(len(self.parts)):
            if (name := self.path_of(at).name) in sizes:
                made[at] = sizes[name]
        self._made = made

    @property
    def made(self) -> int:
        """How many of the parts are there."""
        return len(self._made)

    @property
    def size_bytes(self) -> int:
        """What they take on the disk."""
        return sum(list(self._made.values()))

    def path_of(self, part: int) -> Path:
        """The file of a part; by the time of its first frame, so that names say where in the film it belongs."""
        return self.folder / f"{self._prefix}{self.index.times[self.parts[part].first]}.zip"

    def times_of(self, part: int) -> Sequence[int]:
        """When its frames are shown, in ticks."""
        first, last = self.parts[part]
        return self.index.times[first : last + 1]

    def part_of(self, frame: int) -> int:
        """The part that holds a frame once it is made; −1 for a frame that is near its key frame."""
        at = bisect.bisect_right(self._firsts, frame) - 1
        return at if at >= 0 and frame <= self.parts[at].last else -1

    def covers(self, frame: int) -> bool:
        """Whether there is a picture of a frame, as far as is known without reading."""
        return self.part_of(frame) in self._made

    def missing(self, frame: int, others: Container[int] = ()) -> int:
        """The part to make next: the first that ends no earlier than a frame, or at all; −1 when all are there.

        Those that others are at come last.
        """
        begin = bisect.bisect_left(self.parts, frame, key=lambda one: one.last)
        left = [at for at in (*range(begin, len(self.parts)), *range(begin)) if at not in self._made]
        return next((at for at in left if at not in others), left[0] if left else -1)

    def under_way(self) -> set[int]:
        """Parts that another process writes just now, as a second window does that shows the same film."""
        parts = {self.path_of(at).name: at for at in range(len(self.parts)) if at not in self._made}
        found = set()
        with contextlib.suppress(OSError), os.scandir(self.folder) as entries:
            for entry in entries:
                pid, _, name = entry.name.removeprefix(GROWING).partition("-")
                if entry.name.startswith(GROWING) and pid != str(os.getpid()) and name in parts:
                    with contextlib.suppress(OSError):
                        if time.time() - entry.stat().st_mtime < FORSAKEN_S:
                            found.add(parts[name])
        return found

    def side(self, room_bytes: float) -> int:
        """How large the next pictures may be where the rest has to do with so much room; 0 where none fit."""
        left = sum(part.last - part.first + 1 for at, part in enumerate(self.parts) if at not in self._made)
        if room_bytes <= 0 or not left:
            return 0
        return next((one for one in SIDES if left * self._bytes_of(one) <= room_bytes), SIDES[-1])

    def found(self, part: int) -> bool:
        """Whether a part has come since `look`: another window makes a copy of the same film."""
        try:
            self._made[part] = self.path_of(part).stat().st_size
        except OSError:
            return False
        return True

    def keep(self, part: int, size: int, *, side: int, pictures: int) -> None:
        """A part has been made."""
        self._made[part] = size
        if pictures:
            self._pixel_bytes = size / pictures / self._pixels_of(side)

    def drop(self, part: int) -> None:
        """A part is damaged or gone: it is made anew another time."""
        self._made.pop(part, None)
        with contextlib.suppress(OSError):
            self.path_of(part).unlink(missing_ok=True)

    def clear(self) -> None:
        """Delete all of it."""
        for part in list(self._made):
            self.drop(part)

    def picture(self, frame: int) -> bytes | None:
        """The JPEG picture of a frame; None where there is none, or none that is whole."""
        part = self.part_of(frame)
        if part not in self._made:
            return None
        try:
            with zipfile.ZipFile(self.path_of(part)) as archive:
                return archive.read(f"{self.index.times[frame]}.jpg")
        except KeyError:
            return None  # this frame could not be decoded
        except (OSError, zipfile.BadZipFile, EOFError, ValueError, RuntimeError, zlib.error, struct.error):
            # A bit that turned may say that it is packed or secret: neither is what was written.
            self.drop(part)
            return None

    def _pixels_of(self, side: int) -> float:
        longer = min(side, self._longer)
        return max(longer * longer * self._aspect, 1.0)

    def _bytes_of(self, side: int) -> float:
        return self._pixels_of(side) * self._pixel_bytes


def most_bytes(film_bytes: int, room_bytes: float) -> float:
    """What the copy of a film may take."""
    return min(OF_ROOM * room_bytes, max(OF_FILM * film_bytes, LEAST_BYTES))


def make_room(folder: Path, room_bytes: float, *, but: str) -> int:
    """Delete parts of other films, those not used for longest first, until all take no more than the room for them.

    `but` is the digest of the film that stays, or empty. Returns how many bytes went; what cannot be deleted stays.
    """
    found, total = [], 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                facts = entry.stat(follow_symlinks=False)
                total += facts.st_size
                if not (but and entry.name.startswith(f"{but}-{VERSION}-")):
                    found.append((max(facts.st_mtime, facts.st_atime), facts.st_size, entry.path))
    freed = 0
    for _, size, path in sorted(found):
        if total - freed <= room_bytes:
            break
        with contextlib.suppress(OSError):
            Path(path).unlink()
            freed += size
    return freed
