"""The panel beside a film: which model looks, for what, in which windows, and what becomes of what it finds."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QPlainTextEdit,
    QPushButton,
    QSpinBox,
    QWidget,
)

from workbench.core.recognising import RecogniserFacts
from workbench.gui.actions import keymap
from workbench.gui.films.scores import Ranking
from workbench.gui.sidepanel import SidePanel, TellsWork, chooser, indent, row, words
from workbench.gui.theme import theme

WIDTH_PX, CLASSES_PX = 300, 88
NONE = (
    "Nothing recognises here yet. Choose the folder of a CLIP or SigLIP model, of a VideoMAE, TimeSformer or ViViT "
    "classifier, or train a model of your own."
)
HOW = "What may happen, one a line: a circle"
FIRST_CLASSES = "a circle\na square\na triangle\na diamond\na cross\na ring"
"""What the shipped model knows; a start that is seen to work."""


class RecognisePanel(SidePanel, TellsWork):
    """Shows what it is told; its buttons are wired by who made it."""

    def __init__(self) -> None:
        super().__init__("Recognise", WIDTH_PX)
        self.model = chooser("Model that recognises")
        self.folder = QPushButton("Model folder…")
        self.folder.setToolTip("Choose the folder of a model in Hugging Face format, or of a run's model")
        self.note, self.none, self.known = words("", "warning"), words(NONE, "dim"), words("", "dim")
        self.classes = _ShortText()
        self.classes.setAccessibleName("Classes")
        self.classes.setPlaceholderText(HOW)
        self.classes.setPlainText(FIRST_CLASSES)
        self.classes.setTabChangesFocus(True)
        self.from_labels = QPushButton("From the labels")
        self.from_labels.setProperty("role", "compact")
        self.from_labels.setToolTip("Take the names of the label tracks as classes")
        self.window_s, self.stride_s = _seconds("Window", 0.04, 60.0, 1.0), _seconds("Stride", 0.02, 60.0, 0.5)
        self.window_s.setToolTip("How long a stretch the model judges at once")
        self.stride_s.setToolTip("How far the next stretch begins after the one before")
        self.threshold = QSpinBox()
        self.threshold.setRange(0, 100)
        self.threshold.setValue(50)
        self.threshold.setSuffix(" %")
        indent(self.threshold)
        self.threshold.setPrefix("Something else below ")
        self.threshold.setAccessibleName("Threshold")
        self.threshold.setToolTip("A window whose likeliest class is below this is called something else")
        self.only = QCheckBox("Between in and out point only")
        self.run, self.stop = QPushButton("Recognise"), QPushButton("Stop")
        self.run.setProperty("role", "primary")
        self.make_progress("Recognising")
        self.told = words("", "small")
        self.heading = words("On this frame", "heading")
        self.ranking = Ranking()
        self.look = QCheckBox("Show where it looks")
        self.looks = chooser("Where it looks")
        self.looks.addItem("for the likeliest class", "class")
        self.looks.addItem("at all (attention)", "attention")
        self.looks.setToolTip("What speaks for the likeliest class of this frame, or the attention itself")
        self.span, self.spans = QPushButton("Label this span"), QPushButton("Label all spans")
        self.train = QPushButton("Train on labels…")
        self.labelled = words("Labels", "heading")
        for name, button in self.keyed().items():
            keymap().explain(button, f"films.{name}")
        self._lay_out()
        self.show_models([], "")
        self.say("", -1.0)

    def keyed(self) -> dict[str, QWidget]:
        """The buttons by the command of the page that each is."""
        return {
            "recognise-run": self.run, "recognise-stop": self.stop, "recognise-look": self.look,
            "recognise-span": self.span, "recognise-spans": self.spans, "recognise-train": self.train,
        }  # fmt: skip

    def _lay_out(self) -> None:
        column = self.make_column()
        upper: tuple[QWidget, ...] = (words("Recognise", "heading"), self.model, self.note, self.none, self.folder)
        for widget in upper:
            column.addWidget(widget)
        self.classes_heading = words("Classes", "heading")
        for widget in (self.classes_heading, self.known, self.classes, self.from_labels):
            column.addWidget(widget)
        column.addLayout(row(self.window_s, self.stride_s))
        column.addWidget(self.threshold)
        column.addWidget(self.only)
        column.addLayout(row(self.run, self.stop))
        for widget in (self.bar, self.progress, self.told, self.heading, self.ranking):
            column.addWidget(widget)
        column.addWidget(self.look)
        column.addWidget(self.looks)
        column.addWidget(self.labelled)
        column.addLayout(row(self.span, self.spans))
        column.addWidget(self.train)
        column.addStretch(1)

    @property
    def facts(self) -> RecogniserFacts | None:
        """The chosen model."""
        found = self.model.currentData()
        return found if isinstance(found, RecogniserFacts) else None

    def show_models(self, models: Sequence[RecogniserFacts], chosen: str) -> None:
        """List the models; the first one where nothing is chosen."""
        with QSignalBlocker(self.model):
            self.model.clear()
            for one in models:
                self.model.addItem(one.title, one)
                self.model.setItemData(self.model.count() - 1, one.path, Qt.ItemDataRole.ToolTipRole)
            at = next((place for place, one in enumerate(models) if one.path == chosen), 0)
            self.model.setCurrentIndex(at if models else -1)
        self.none.setVisible(not models)
        self.model.setVisible(bool(models))
        self.tell_model()

    def tell_model(self) -> None:
        """What is to be known of the chosen model; which classes it knows, where those are its own."""
        facts = self.facts
        fixed = facts is not None and facts.fixed
        self.note.setText(facts.note if facts is not None else "")
        self.note.setVisible(bool(self.note.text()))
        self.classes.setVisible(not fixed)
        self.known.setVisible(fixed)
        if fixed and facts is not None:
            names = ", ".join(facts.classes[:12])
            more = f" and {len(facts.classes) - 12} more" if len(facts.classes) > 12 else ""
            self.known.setText(f"Its own: {names}{more}" if names else "Its own; they are told with the first answer")
        for widget in (self.look, self.looks):
            widget.setEnabled(facts is not None and not fixed)
            widget.setVisible(not fixed)

    def say(self, doing: str, fraction: float) -> None:
        """How far the work is; nothing while there is none."""
        super().say(doing, fraction)
        self.told.hide()

    def conclude(self, said: str) -> None:
        """What came of the work, in as many lines as it takes."""
        super().conclude("")
        self.told.setText(said)
        self.told.setVisible(bool(said))


class _ShortText(QPlainTextEdit):
    """Asks for little height."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(theme().pixels(CLASSES_PX))
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)


def _seconds(name: str, low: float, high: float, value: float) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(low, high)
    box.setDecimals(2)
    box.setSingleStep(0.1)
    box.setValue(value)
    box.setPrefix(f"{name} ")
    box.setSuffix(" s")
    box.setAccessibleName(f"{name} in seconds")
    indent(box)
    box.setMinimumWidth(theme().pixels(110))  # two stand beside each other
    return box
