"""What the page of sounds does by itself and would end with the window."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from workbench.gui.closingwork import PageWork

if TYPE_CHECKING:
    from workbench.gui.sounds.page import SoundsPage


def works_of(page: SoundsPage) -> list[PageWork]:
    """A transcription, a batch, a search for speakers, a file being written; those that go on now."""
    transcribing, batch, speaking, exporting = page.transcribing, page.batch, page.speaking, page.exporting
    told = f": {batch.state.whole}" if batch.state.whole else ""
    every = [
        PageWork(
            f"Transcribing {Path(page.path).name}", "What was heard until now goes into the tiers.", transcribing.stop,
            lambda: transcribing.errand.running,
        ),
        PageWork(
            f"Transcribing many files{told}", "Files that are done stay; the rest is remembered, and Transcribe goes "
            "on with it.", batch.halt, lambda: batch.errand.running, ends=not batch.watch.isChecked(),
        ),
        PageWork("Finding speakers", "The tiers stay as they are.", speaking.stop, lambda: bool(speaking.asking.doing)),
        PageWork(speaking.remembering.doing, "The voice is remembered.", lambda: None,
                 lambda: bool(speaking.remembering.doing)),
        PageWork(exporting.asking.doing, "The file is not written.", exporting.asking.cancel,
                 lambda: bool(exporting.asking.doing)),
    ]  # fmt: skip
    return [one for one in every if one.going()]
