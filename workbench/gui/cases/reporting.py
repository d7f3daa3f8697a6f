"""A case's report out of the page: compared with the labels before correction where there are some, then written."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from workbench.core.comparison import Comparison
from workbench.core.review import ReviewCase, case_id
from workbench.core.volumes import VolumeFile
from workbench.gui.cases.opening import OpenCase

FORMATS = {"pdf": ("Report as PDF", ".pdf"), "html": ("Report for a browser", ".html")}


@dataclasses.dataclass
class Reporting:
    """What goes into a report; `labels` are copies of those on the screen."""

    case: OpenCase
    labels: VolumeFile
    out: Path
    review: ReviewCase | None
    identified: bool
    comparison: Comparison | None = None

    def sides(self) -> list[dict[str, object]]:
        """The labels before and now, for the worker; empty where they began here."""
        shown = self.case.labels
        if shown is None or shown.kept.begun:
            return []
        return [
            {"title": "the labels before", "path": str(shown.path), "meta": shown.kept.meta},
            {"title": "These labels", "path": self.labels.path, "meta": self.labels.meta},
        ]

    def write(self) -> list[str]:
        """Draw and write it; works on files, so off the GUI thread. Raises InputError, KnownTrouble."""
        from workbench.report.casereport import case_report, write_report

        case, layer = self.case, self.case.layers[0]
        mask = np.load(self.labels.path, mmap_mode="r", allow_pickle=False)
        if self.comparison is not None:
            Path(self.comparison.changes).unlink(missing_ok=True)
        made = case_report(
            case_id(Path(case.info.path)), (layer.array, layer.meta), (mask, self.labels.meta.labels),
            window=layer.window, review=self.review, comparison=self.comparison,
            model=case.labels.kept.model if case.labels is not None else "", notes=list(case.notes),
            identity=case.info.path if self.identified else "",
        )  # fmt: skip
        return [str(write_report(made, self.out))]
