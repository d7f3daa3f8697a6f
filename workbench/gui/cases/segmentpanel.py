"""The panel beside the planes: which model reads which volumes, how far it is, what it found, where it doubts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QPushButton,
    QWidget,
)

from workbench.core.segmenting import ModelTold, Segmented, guess_channels
from workbench.gui.actions import keymap
from workbench.gui.cases.overlays import Overlays
from workbench.gui.sidepanel import ShortList, SidePanel, TellsWork, chooser, row, words
from workbench.gui.theme import theme

WIDTH_PX = 272
LIST_PX = 96
"""The least height of the list of slices."""


class SegmentPanel(SidePanel, TellsWork):
    """Shows what it is told; its buttons and lists are wired by who made it."""

    def __init__(self) -> None:
        super().__init__("Segment with a model", WIDTH_PX)
        px = theme().pixels
        self.gap = px(8)
        self.model = chooser("Model")
        self.none = words("No model has learned to segment yet. Training one on generated subjects takes about a "
                           "minute for MR heads, some minutes for CT.", "dim")  # fmt: skip
        self.learn = QPushButton("Train a first model")
        self.learn.setToolTip("Run the desk preset of the recipe for such images on its generated subjects")
        self.back = QPushButton("Back to the model before")
        self.gone = words("", "dim")
        self.channels: list[QComboBox] = []
        self._asked_for: tuple[ModelTold | None, tuple[str, ...]] | None = None
        self._form = QFormLayout()
        self._form.setSpacing(px(4))
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        self.mirrored = QCheckBox("Average over mirrored readings")
        self.mirrored.setAccessibleName("Test-time augmentation")
        self.run, self.stop = QPushButton("Run"), QPushButton("Stop")
        self.run.setProperty("role", "primary")
        keymap().explain(self.run, "cases.segment-run")
        keymap().explain(self.stop, "cases.segment-stop")
        self.make_progress("Segmenting")
        self.found = words("", "")
        self.overlays = Overlays()
        self.heading = words("Most uncertain slices", "heading")
        self.slices = ShortList(LIST_PX)
        self.slices.setAccessibleName("Most uncertain slices")
        self.slices.setMinimumHeight(px(LIST_PX))
        self.previous, self.next = QPushButton("Previous"), QPushButton("Next")
        keymap().explain(self.previous, "cases.unsure-previous")
        keymap().explain(self.next, "cases.unsure-next")
        self._lay_out()
        self.show_models([], [])
        self.offer_back("")
        self.say_gone("")
        self.show_result(None)
        self.say("", -1.0)

    def _lay_out(self) -> None:
        column = self.make_column()
        title = words("Segment with a model", "heading")
        upper: tuple[QWidget, ...] = (title, self.model, self.back, self.gone, self.none, self.learn)
        for widget in upper:
            column.addWidget(widget)
        column.addLayout(self._form)
        column.addWidget(self.mirrored)
        column.addLayout(row(self.run, self.stop))
        for lower in (self.bar, self.progress, self.found, self.overlays, self.heading):
            column.addWidget(lower)
        column.addWidget(self.slices, 1)
        column.addLayout(row(self.previous, self.next))
        column.addStretch(0)

    def offer_back(self, title: str) -> None:
        """A button to the model that was used before; none without its title."""
        self.back.setVisible(bool(title))
        self.back.setToolTip(f"Segment with {title} again" if title else "")

    def say_gone(self, words: str) -> None:
        """What has become of the model that was in use."""
        self.gone.setText(words)
        self.gone.setVisible(bool(words))

    def show_models(self, titles: Sequence[str], paths: Sequence[str], chosen: str = "") -> None:
        """List the models; `chosen` or the one that was chosen stays chosen. Without any, say how to get one."""
        chosen = chosen or self.model.currentData()
        with QSignalBlocker(self.model):
            self.model.clear()
            for title, path in zip(titles, paths, strict=True):
                self.model.addItem(title, path)
                self.model.setItemData(self.model.count() - 1, title, Qt.ItemDataRole.ToolTipRole)
            self.model.setCurrentIndex(max(0, self.model.findData(chosen)) if titles else -1)
        for widget, shown in ((self.none, not titles), (self.learn, not titles), (self.model, bool(titles)),
                              (self.run, bool(titles)), (self.stop, bool(titles))):  # fmt: skip
            widget.setVisible(shown)

    def show_channels(self, told: ModelTold | None, titles: Sequence[str]) -> None:
        """A choice of the case's volumes for each of the model's channels, filled as their names tell.

        What a person has chosen stays as long as model and volumes are called the same.
        """
        if self._asked_for == (told, tuple(titles)):
            return
        self._asked_for = told, tuple(titles)
        while self._form.rowCount():
            self._form.removeRow(0)
        self.channels = []
        for channel, guess in zip(told.channels if told else (), guess_channels(told.channels, titles) if told else (),
                                  strict=True):  # fmt: skip
            combo = chooser(f"Volume for {channel}")
            combo.addItem("choose…", -1)
            for at, title in enumerate(titles):
                combo.addItem(title, at)
            combo.setCurrentIndex(0 if guess is None else guess + 1)
            combo.setToolTip(f"The volume that the model reads as {channel}")
            self._form.addRow(words(channel, "dim"), combo)
            self.channels.append(combo)
        mirrors = told is not None and told.mirrors
        self.mirrored.setVisible(told is not None)
        self.mirrored.setEnabled(mirrors)
        self.mirrored.setChecked(self.mirrored.isChecked() and mirrors)
        self.mirrored.setToolTip(
            "Test-time augmentation: read the images mirrored as well and take the mean; takes twice as long"
            if mirrors else "This model learned from images that all lie alike; mirrored ones would mislead it"
        )  # fmt: skip

    def chosen(self) -> list[int]:
        """The place of the volume for each channel; -1 where none is chosen."""
        return [int(one.currentData()) for one in self.channels]

    def say_learning(self, words: str) -> None:
        """A first model is being trained."""
        self.none.setText(words)
        self.learn.setEnabled(False)

    def show_result(self, found: Segmented | None, slices: Sequence[str] = ()) -> None:
        """What was found, and the slices to look at first."""
        answer = found.answers[0] if found is not None else None
        self.found.setText(f"{answer.headline}  ({answer.seconds:.1f} s)" if answer else "")
        with QSignalBlocker(self.slices):
            self.slices.clear()
            self.slices.addItems(list(slices))
            self.slices.setCurrentRow(-1)
        self.heading.setText(
            "Most uncertain slices" if slices or answer is None else "The model is sure of every slice"
        )
        for widget in (self.found, self.overlays, self.heading):
            widget.setVisible(answer is not None)
        for control in (self.slices, self.previous, self.next):
            control.setVisible(bool(slices))

    def allow(self, can: Mapping[str, bool]) -> None:
        """Which buttons can be pressed."""
        for button, name in ((self.run, "segment-run"), (self.stop, "segment-stop"), (self.next, "unsure-next"),
                             (self.previous, "unsure-previous")):  # fmt: skip
            button.setEnabled(can[name])
