"""What the page of cases keeps from one start to the next: paths, and how a person exports."""

from __future__ import annotations

import msgspec

from workbench.gui.cases.exporting import Wish

MOST_RECENT = 8


class Remembered(msgspec.Struct):
    """What outlives the window; nothing of a patient but the paths that were opened."""

    recent: list[str] = []
    export: Wish = Wish(("nifti",), "", "labels")

    def put_first(self, path: str) -> None:
        """A path was opened."""
        self.recent = [path, *(one for one in self.recent if one != path)][:MOST_RECENT]

    def drop(self, path: str) -> None:
        """A path is not to be offered any more."""
        self.recent = [one for one in self.recent if one != path]
