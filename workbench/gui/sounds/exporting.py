"""Taking a sound or its tiers away: one dialog whose file kinds say what is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from workbench.core.audio import TiersDoc
from workbench.gui.asking import Asking
from workbench.gui.link import Link
from workbench.gui.savedialog import ask_where

SOUNDS = (".wav", ".flac", ".ogg", ".mp3")
TIERS = (("Praat TextGrid", ".TextGrid"), ("SubRip subtitles", ".srt"), ("WebVTT subtitles", ".vtt"),
         ("NIST RTTM", ".rttm"), ("NIST CTM", ".ctm"), ("Tiers as JSON", ".json"))  # fmt: skip


class Exporting(QObject):
    """The worker writes; `written` carries a line for the banner."""

    written = Signal(str)
    failed = Signal(object)

    def __init__(self, link: Link, parent: QWidget) -> None:
        super().__init__(parent)
        self._window = parent
        self.asking = Asking(link, self, failed=self.failed.emit)

    def ask(self, path: str, selection_s: Sequence[float] | None, doc: TiersDoc) -> None:
        """Ask where to and as what; the selection where there is one, else the whole sound."""
        what = "Selection" if selection_s else "Sound"
        kinds = {f"{what} as {one[1:].upper()} (*{one})": one for one in SOUNDS}
        if doc.tiers:
            kinds |= {f"{name} (*{suffix})": suffix for name, suffix in TIERS}

        def chosen(out: Path) -> None:
            if out.suffix.lower() in SOUNDS:
                self.write_sound(path, out, selection_s)
            else:
                self.write_tiers(doc, out)

        proposed = Path(path).with_name(Path(path).stem + ("-selection" if selection_s else "-copy"))
        ask_where(self._window, "Export", proposed, kinds, then=chosen, failed=self.failed.emit)

    def write_sound(self, path: str, out: Path, selection_s: Sequence[float] | None) -> None:
        """Write the stretch, or everything, by the ending of `out`."""
        start_s, end_s = selection_s or (0.0, 0.0)
        self.asking.ask(f"Writing {out.name}", "sound-export", list[str], self._done, path=path, out=str(out),
                        start_s=start_s, end_s=end_s)  # fmt: skip

    def write_tiers(self, doc: TiersDoc, out: Path) -> None:
        """Write the tiers in the format of the ending."""
        self.asking.ask(f"Writing {out.name}", "tiers-export", list[str], self._done,
                        tiers=msgspec.to_builtins(doc), out=str(out))  # fmt: skip

    def _done(self, paths: list[str]) -> None:
        self.written.emit("Written to " + ", ".join(paths))
