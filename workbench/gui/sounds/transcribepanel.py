"""The panel beside a sound: which model listens, what it hears, how it compares, what becomes of corrections."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import (
    QComboBox,
    QPushButton,
    QSpinBox,
    QWidget,
)

from workbench.core.transcripts import RecogniserFacts
from workbench.gui.actions import keymap
from workbench.gui.sidepanel import ShortText, SidePanel, TellsWork, chooser, indent, row, words
from workbench.gui.theme import theme

WIDTH_PX, TEXT_PX = 288, 72
NONE = (
    "Nothing transcribes here yet. Choose the folder of a wav2vec 2.0, HuBERT, Whisper or SpeechT5 model, or train a "
    "recogniser of your own."
)
HOW = "Correct words or segments in the tiers, or confirm a segment as it is; a line below it marks what was corrected."


class TranscribePanel(SidePanel, TellsWork):
    """Shows what it is told; its buttons are wired by who made it."""

    def __init__(self) -> None:
        super().__init__("Transcribe", WIDTH_PX)
        px = theme().pixels
        self.gap = px(8)
        self.model, self.other = chooser("Model"), chooser("Second model")
        self.folder = QPushButton("Model folder…")
        self.folder.setToolTip("Choose the folder of a model in Hugging Face format, or of a run's model")
        self.note, self.none = words("", "dim"), words(NONE, "dim")
        self.train = QPushButton("Train a recogniser…")
        self.train.setToolTip("Open the recipe that trains one")
        self.beam = QSpinBox()
        self.beam.setRange(1, 64)
        self.beam.setPrefix("Beam ")
        indent(self.beam)
        self.beam.setAccessibleName("Beam")
        self.beam.setToolTip("How many beginnings of the text a CTC model keeps at once; 1 takes the likeliest label "
                             "of every frame (greedy)")  # fmt: skip
        self.run, self.stop = QPushButton("Transcribe"), QPushButton("Stop")
        self.part = QPushButton("Transcribe selection")
        self.run.setProperty("role", "primary")
        self.make_progress("Transcribing")
        self.text = ShortText(TEXT_PX)
        self.text.setReadOnly(True)
        self.text.setAccessibleName("What is heard so far")
        self.text.setPlaceholderText("What is heard comes here, then below the sound.")
        self.text.setMinimumHeight(px(TEXT_PX))
        self.compare = QPushButton("Compare both")
        self.rates = words("", "")
        self.confirm, self.keep = QPushButton("Confirm segment"), QPushButton("Use as training data")
        self.tune = QPushButton("Fine-tune on the corrections…")
        self.corrected = words(HOW, "dim")
        for name, button in self.keyed().items():
            keymap().explain(button, f"sounds.{name}")
        self._lay_out()
        self.show_models([], "", "")
        self.say("", -1.0)

    def keyed(self) -> dict[str, QPushButton]:
        """The buttons by the command of the page that each is."""
        return {
            "transcribe-run": self.run, "transcribe-part": self.part, "transcribe-stop": self.stop,
            "transcribe-compare": self.compare, "confirm": self.confirm, "corrections": self.keep,
            "finetune": self.tune,
        }  # fmt: skip

    def _lay_out(self) -> None:
        column = self.make_column()
        upper: tuple[QWidget, ...] = (words("Transcribe", "heading"), self.model, self.note, self.none, self.train)
        for widget in upper:
            column.addWidget(widget)
        column.addLayout(row(self.folder, self.beam))
        column.addLayout(row(self.run, self.stop))
        column.addWidget(self.part)
        column.addWidget(self.bar)
        column.addWidget(self.progress)
        column.addWidget(self.text, 1)
        self._comparing: tuple[QWidget, ...] = (
            words("Compare with another model", "heading"),
            self.other,
            self.compare,
            self.rates,
        )
        for widget in self._comparing:
            column.addWidget(widget)
        for widget in (words("Corrections", "heading"), self.corrected):
            column.addWidget(widget)
        column.addLayout(row(self.confirm))
        column.addLayout(row(self.keep))
        column.addWidget(self.tune)

    def show_models(self, models: Sequence[RecogniserFacts], chosen: str, other: str) -> None:
        """List the models; the first two where nothing is chosen."""
        paths = [one.path for one in models]
        fill(self.model, models, chosen)
        fill(self.other, models, other or next((one for one in paths if one != self.model.currentData()), ""))
        self.none.setVisible(not models)
        self.model.setVisible(bool(models))
        for widget in self._comparing:
            widget.setVisible(len(models) > 1)
        self.rates.setVisible(len(models) > 1 and bool(self.rates.text()))
        self.tell_note(models)

    def tell_note(self, models: Sequence[RecogniserFacts]) -> None:
        """What is to be known of the chosen model."""
        chosen = next((one for one in models if one.path == self.model.currentData()), None)
        self.note.setText(f"{chosen.note[:1].upper()}{chosen.note[1:]}." if chosen is not None and chosen.note else "")
        self.note.setVisible(bool(self.note.text()))
        # Only label probabilities can be searched; others write their text themselves.
        self.beam.setEnabled(chosen is None or chosen.family in ("ctc", "recogniser"))

    def show_text(self, text: str) -> None:
        """What is heard so far, seen from its end."""
        before = self.text.toPlainText()
        if text.startswith(before) and before:
            cursor = self.text.textCursor()
            cursor.movePosition(cursor.MoveOperation.End)
            cursor.insertText(text[len(before) :])
        elif text != before:
            self.text.setPlainText(text)
        bar = self.text.verticalScrollBar()
        bar.setValue(bar.maximum())

    def show_rates(self, text: str) -> None:
        """What comparing has shown."""
        self.rates.setText(text)
        self.rates.setVisible(bool(text))


def fill(box: QComboBox, models: Sequence[RecogniserFacts], chosen: str) -> None:
    """List models in a box; what was chosen stays chosen where it is still there."""
    chosen = chosen or str(box.currentData() or "")
    with QSignalBlocker(box):
        box.clear()
        for one in models:
            box.addItem(one.title, one.path)
            box.setItemData(box.count() - 1, f"{one.title}\n{one.path}", Qt.ItemDataRole.ToolTipRole)
        box.setCurrentIndex(max(0, box.findData(chosen)) if models else -1)
