"""Which model segments cases from now on, which one did before, and how to get back to that one."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, Signal

from workbench.gui.cases.casemodels import CaseModel
from workbench.gui.cases.segmentpanel import SegmentPanel
from workbench.gui.link import Link


class ModelInUse(QObject):
    """Keeps the choice in the settings, so that a model trained meanwhile never takes over by itself."""

    changed = Signal()
    """Another model was chosen."""

    def __init__(self, link: Link, panel: SegmentPanel, parent: QObject) -> None:
        super().__init__(parent)
        self._link, self._panel = link, panel
        self._models: Sequence[CaseModel] = ()
        panel.model.activated.connect(lambda _: self.use(str(panel.model.currentData() or "")))
        panel.back.clicked.connect(lambda _=False: self.go_back())

    def show(self, models: Sequence[CaseModel]) -> None:
        """List the models with the one in use chosen; a model that is gone is told."""
        self._models = models
        wanted = self._link.settings.segmenter
        paths = [one.path for one in models]
        chosen = wanted if wanted in paths else ""
        self._panel.show_models([one.title for one in models], paths, chosen)
        gone = bool(wanted) and not chosen
        self._panel.say_gone("The model used last is no longer there; the newest one is chosen." if gone else "")
        self._offer_back()

    def use(self, path: str) -> None:
        """Segment with this model from now on; the one used so far stays one click away."""
        settings = self._link.settings
        if not path or path == settings.segmenter:
            return
        self._link.change_settings(segmenter=path, segmenter_before=settings.segmenter or settings.segmenter_before)
        if any(one.path == path for one in self._models):
            self.show(self._models)
        self.changed.emit()

    def go_back(self) -> None:
        """The model that was used before is used again."""
        self.use(self._link.settings.segmenter_before)

    def _offer_back(self) -> None:
        settings = self._link.settings
        former = next((one for one in self._models if one.path == settings.segmenter_before), None)
        can = former is not None and former.path != self._panel.model.currentData()
        self._panel.offer_back(former.title if former is not None and can else "")
