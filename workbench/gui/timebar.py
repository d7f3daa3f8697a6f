"""The scroll bar below what is drawn along time; it is there where not all of it is in view."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QScrollBar

from workbench.gui.timescene import TimeScene

STEPS = 1_000_000


class TimeBar(QScrollBar):
    """Follows a scene, and moves what is in view of it."""

    def __init__(self, scene: TimeScene) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.scene = scene
        for signal in (scene.ranged, scene.shown):
            signal.connect(self.follow)
        self.valueChanged.connect(lambda at: scene.look(at / STEPS * scene.duration_s, scene.span_s))

    def follow(self) -> None:
        """Show what is in view."""
        page = round(STEPS * min(self.scene.span_s / self.scene.whole_s, 1.0))
        with QSignalBlocker(self):
            self.setRange(0, STEPS - page)
            self.setPageStep(max(page, 1))
            self.setSingleStep(max(page // 10, 1))
            self.setValue(round(STEPS * self.scene.start_s / self.scene.whole_s))
        self.setVisible(page < STEPS)
