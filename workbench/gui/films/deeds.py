"""What is done with the film that is seen, beyond playing it: go to a frame, take frames and stretches away, facts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QInputDialog

from workbench.gui.actions import make_action
from workbench.gui.films import telling
from workbench.gui.films.exporting import Exporting, Film
from workbench.gui.films.factspanel import FactsPanel
from workbench.gui.films.goto import GoTo

if TYPE_CHECKING:
    from workbench.gui.films.page import FilmsPage

MOST_STEP = 10_000
LEAVES_WITHIN_S = 5.0
RATES = 0.1, 240.0
"""Pictures a second, at least and at most."""


class Deeds:
    """Actions of the page and of its viewer, with the panel of facts."""

    def __init__(self, page: FilmsPage) -> None:
        self.page = page
        self.exporting, self.taking = Exporting(page), Exporting(page)
        """Stretches, which take a while, and single frames, which may be taken meanwhile."""
        self.panel = FactsPanel()
        self.panel.hide()
        page.add_panel(self.panel)
        page.beside.crowded_out.connect(self._crowded_out)
        viewer = page.viewer
        self.acts = {
            "export": make_action(page, "films.export", self.export),
            "rate": make_action(page, "films.rate", self.ask_rate),
            "facts": make_action(page, "films.facts", self.show_facts, checkable=True),
        }
        doing = {"go": self.go, "step": self.ask_step, "copy": self.copy_frame, "save": self.save_frame}
        self.frame_acts = {name: make_action(viewer, f"view.film.{name}", do) for name, do in doing.items()}
        viewer.menu.addSeparator()
        viewer.menu.addActions(list(self.frame_acts.values()))
        for one in (self.exporting, self.taking):
            one.failed.connect(page.failed_with)
            one.written.connect(lambda words: page.note([words]))

    @property
    def film(self) -> Film | None:
        """What is seen, to be read anew."""
        page, viewer = self.page, self.page.viewer
        index, source = viewer.scene.index, viewer.open_source
        if viewer.facts is None or index is None or source is None or not len(index):
            return None
        return Film(page.path, source, viewer.facts, index)

    def export(self) -> None:
        """Ask where the stretch, or the whole film, is written to."""
        if self.exporting.busy:
            self.page.note([f"{self.exporting.doing} is still under way: wait for its end, or stop it."])
        elif self.film is not None:
            self.exporting.ask(self.film, self.page.viewer.player.stretch())

    def copy_frame(self) -> None:
        """Put the frame on screen on the clipboard."""
        if self.film is not None:
            self.taking.copy_frame(self.film, self.page.viewer.scene.frame)

    def save_frame(self) -> None:
        """Ask where the frame on screen is written to."""
        if self.film is not None:
            self.taking.ask_frame(self.film, self.page.viewer.scene.frame)

    def go(self) -> None:
        """Ask for a frame or a time, and go there."""
        index = self.page.viewer.scene.index
        if index is None or not len(index):
            return
        dialog = GoTo(self.page, index)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: self.page.viewer.go(dialog.frame))
        dialog.open()

    def ask_step(self) -> None:
        """Ask how many frames Shift and an arrow key go."""
        dialog = QInputDialog(self.page)
        dialog.setInputMode(QInputDialog.InputMode.IntInput)
        dialog.setWindowTitle("Frames of a step")
        dialog.setLabelText("Shift and an arrow key go by so many frames:")
        dialog.setIntRange(2, MOST_STEP)
        dialog.setIntValue(self.page.viewer.step_frames)
        dialog.intValueSelected.connect(self._set_step)
        dialog.finished.connect(lambda _: dialog.deleteLater())
        dialog.open()

    def ask_rate(self) -> None:
        """Ask how fast a folder of pictures is played."""
        dialog = QInputDialog(self.page)
        dialog.setInputMode(QInputDialog.InputMode.DoubleInput)
        dialog.setWindowTitle("Pictures per second")
        dialog.setLabelText("Single pictures are shown so many a second:")
        dialog.setDoubleRange(*RATES)
        dialog.setDoubleDecimals(3)
        dialog.setDoubleValue(self.page.opening.pictures_per_s)
        dialog.doubleValueSelected.connect(self.page.set_picture_rate)
        dialog.finished.connect(lambda _: dialog.deleteLater())
        dialog.open()

    def cancel(self) -> None:
        """Write no further."""
        self.exporting.cancel()
        self.taking.cancel()

    def closed(self) -> None:
        """The window closes: wait until what is not whole has been taken away."""
        self.cancel()
        self.exporting.join(LEAVES_WITHIN_S)
        self.taking.join(LEAVES_WITHIN_S)

    def _set_step(self, frames: int) -> None:
        self.page.viewer.step_frames = frames
        self.page.changed.emit()

    def show_facts(self) -> None:
        """Show the panel of facts, or hide it."""
        self.panel.setVisible(self.acts["facts"].isChecked() and self.page.viewing)

    def _crowded_out(self) -> None:
        if self.page.viewing and self.panel.isHidden():
            self.acts["facts"].setChecked(False)

    def follow(self) -> None:
        """Enable what can be done now, and tell the facts of what is seen."""
        page, viewing = self.page, self.page.viewing
        for action in self.acts.values():
            action.setVisible(viewing)
            action.setEnabled(viewing)
        self.acts["rate"].setVisible(viewing and Path(page.path).is_dir())
        for action in self.frame_acts.values():
            action.setEnabled(viewing)
        self.show_facts()
        facts = page.viewer.facts
        if viewing and facts is not None:
            self.panel.show_rows(telling.rows(
                facts, page.viewer.scene.index, complete=page.index_complete, copy=page.copying.words
            ))  # fmt: skip
