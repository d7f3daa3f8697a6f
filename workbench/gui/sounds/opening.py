"""From a path to a sound that is seen: asked for step by step, shown while it is still being read."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from workbench.core.audio import SoundFile, TiersDoc
from workbench.core.problem import Problem
from workbench.gui.asking import Asking
from workbench.gui.link import Link
from workbench.gui.sounds import tieredits
from workbench.gui.sounds.waves import Sound, open_sound

SUFFIXES = (
    ".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aac", ".aiff", ".aif", ".au", ".wma", ".webm", ".mp4",
    ".mkv", ".mov", ".avi", ".sph", ".caf", ".amr",
)  # fmt: skip
TIERS = (".textgrid", ".srt", ".vtt", ".rttm", ".ctm")
MOST_FILES = 5000


@dataclasses.dataclass
class Opened:
    """A sound with its tiers; `restored` tells that they are those of last time."""

    path: str
    sound: Sound
    tiers: TiersDoc
    restored: bool = False
    notes: tuple[str, ...] = ()


class Opening(QObject):
    """Asks the worker; only the last wish counts."""

    opened = Signal(object)
    grown = Signal(object)
    tiers_read = Signal(object)
    failed = Signal(object)

    def __init__(self, link: Link, parent: QObject) -> None:
        super().__init__(parent)
        self._link = link
        self.asking = Asking(link, self, failed=self.failed.emit)
        self._path = ""
        self._sample_tiers = ""

    def open(self, path: str, *, tiers: str = "") -> None:
        """Read a sound; it is shown as far as it is read."""
        self._path, self._sample_tiers = path, tiers
        self._ask(first=True)

    def open_sample(self) -> None:
        """A sound that the worker writes once."""
        self.asking.ask("Making the sample sound", "sound-sample", list[str], lambda found: self.open(
            found[0], tiers=found[1]))  # fmt: skip

    def read_tiers(self, path: str) -> None:
        """Tiers from a file, for the sound that is open."""
        self.asking.ask("Reading tiers", "tiers", TiersDoc, self.tiers_read.emit, path=path)

    def _ask(self, *, first: bool) -> None:
        path, doing = self._path, f"Reading {Path(self._path).name}"

        def then(found: SoundFile) -> None:
            work = (lambda: self._opened(path, found)) if first else (lambda: open_sound(found))
            self.asking.work(doing, work, lambda done: self._show(done, found, first=first))

        self.asking.ask(doing, "sound", SoundFile, then, path=path)

    def _show(self, done: Opened | Sound, found: SoundFile, *, first: bool) -> None:
        (self.opened if first else self.grown).emit(done)
        if not found.complete:
            self._ask(first=False)

    def _opened(self, path: str, found: SoundFile) -> Opened:
        sound, notes = open_sound(found), found.notes
        place = tieredits.kept_path(self._link.home.edits, path)
        try:
            doc = tieredits.kept(place)
        except Problem as problem:
            return Opened(path, sound, TiersDoc(), notes=(*notes, f"{problem.what} {problem.fix}"))
        if doc is not None:
            return Opened(path, sound, doc, restored=True, notes=notes)
        if self._sample_tiers:
            doc = tieredits.kept(Path(self._sample_tiers))
        return Opened(path, sound, doc or TiersDoc(), notes=notes)


def listed(paths: Sequence[str]) -> list[str]:
    """The sounds among paths, those of folders included, in the order of their names."""
    found: list[str] = []
    for path in map(Path, paths):
        if path.is_dir():
            inner = sorted(one for one in path.rglob("*") if one.suffix.lower() in SUFFIXES and one.is_file())
            found += [str(one) for one in inner[:MOST_FILES]]
        else:
            found.append(str(path))
    return list(dict.fromkeys(found))
