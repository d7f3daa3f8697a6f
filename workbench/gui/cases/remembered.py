"""What the page of cases keeps from one start to the next: paths, and how a person exports."""

from __future__ import annotations

import msgspec

from workbench.gui.cases.exporting import Wish
from workbench.gui.filespage import with_first, without


class Remembered(msgspec.Struct):
    """What outlives the window; nothing of a patient but the paths that were opened."""

    recent: list[str] = []
    export: Wish = Wish(("nifti",), "", "labels")

    def put_first(self, path: str) -> None:
        """A path was opened."""
        self.recent = with_first(path, self.recent)

    def drop(self, path: str) -> None:
        """A path is not to be offered any more."""
        self.recent = without(path, self.recent)
