"""Try it: a text of one's own through the base model and the tuned one, side by side."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import msgspec
from PySide6.QtCore import QEvent, Qt, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from workbench.core.documents import Answer, AnswersDoc
from workbench.core.problem import InputError, ProblemRecord
from workbench.gui.actions import keymap, make_action
from workbench.gui.link import Link
from workbench.gui.theme import theme
from workbench.gui.views.bars import ScoreBars
from workbench.gui.views.spanlabel import SpanLabel
from workbench.store.runfolder import RunConfig, RunFolder

SIDE_BY_SIDE_PX = 420
SLOW_S = 0.7
BARS, BARS_NARROW = 5, 3
QUESTION_TASKS = ("questions", "all four")


def asks_questions(config: RunConfig) -> bool:
    """Whether a run's model answers a question about the text."""
    return str(config.params.get("task", "")) in QUESTION_TASKS


class TryIt(QWidget):
    """The box, its buttons and the answers; asks the runner on the interactive lane, never waits."""

    def __init__(self, link: Link, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.link = link
        self.recipe = self.model = ""
        self._pending: Future[msgspec.Raw] | None = None
        self.text = QPlainTextEdit()
        self.text.setPlaceholderText("A sentence of your own")
        self.text.setAccessibleName("Text to try")
        keymap().explain(self.text, "ask.ask")
        self.text.setTabChangesFocus(True)
        self.text.setFixedHeight(theme().pixels(64))
        self.question = QLineEdit()
        self.question.setPlaceholderText("A question that the text answers")
        self.question.setAccessibleName("Question about the text")
        self.question.setMaxLength(2000)
        self.question.hide()
        self.run_button = QPushButton("Ask")
        self.run_button.setProperty("role", "primary")
        keymap().explain(self.run_button, "ask.ask")
        self.cancel_button = QPushButton("Cancel")
        keymap().explain(self.cancel_button, "ask.cancel")
        self.cancel_button.hide()
        self.explain = QCheckBox("Explain")
        keymap().explain(self.explain, "ask.explain")
        self.busy = QProgressBar()
        self.busy.setRange(0, 0)
        self.busy.setTextVisible(False)
        self.busy.setAccessibleName("Waiting for the answer")
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.message.setTextFormat(Qt.TextFormat.PlainText)
        self.message.hide()
        self.panels = [AnswerPanel(strong=False), AnswerPanel(strong=True)]
        self._slow = QTimer(self)
        self._slow.setSingleShot(True)
        self._slow.setInterval(round(SLOW_S * 1000))
        self._slow.timeout.connect(lambda: self._say("Waking the model: the first answer takes some seconds.", ""))
        self._lay_out()
        self._wire()
        self._show_busy(False)

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.run_button)
        buttons.addWidget(self.cancel_button)
        buttons.addWidget(self.explain)
        buttons.addStretch(1)
        holder = QWidget()
        holder.setObjectName("scrolled")
        self._answers = QGridLayout(holder)
        self._answers.setContentsMargins(0, 0, 8, 0)
        self._answers.setHorizontalSpacing(12)
        self._answers.setVerticalSpacing(8)
        self._wide = True
        self._place(wide=False)
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setWidget(holder)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.text)
        column.addWidget(self.question)
        column.addLayout(buttons)
        column.addWidget(self.busy)
        column.addWidget(self.message)
        column.addWidget(self._area, 1)

    def _place(self, *, wide: bool) -> None:
        """Both answers side by side; in a narrow box both headlines first, then what is behind them."""
        if wide == self._wide:
            return
        self._wide = wide
        for column, panel in enumerate(self.panels):
            at = [(0, column), (1, column)] if wide else [(column, 0), (2 + column, 0)]
            for widget, (row, place) in zip((panel, panel.detail), at, strict=True):
                self._answers.addWidget(widget, row, place, Qt.AlignmentFlag.AlignTop)
            self._answers.setColumnStretch(column, 1 if wide or column == 0 else 0)
            panel.detail_title.setVisible(not wide)
            panel.bars.show_most(BARS if wide else BARS_NARROW)
        self._answers.setRowStretch(4, 1)

    def _wire(self) -> None:
        self.run_button.clicked.connect(self.ask)
        self.cancel_button.clicked.connect(self.cancel)
        self.explain.toggled.connect(self._explain_toggled)
        make_action(self, "ask.ask", self.ask)
        make_action(self, "ask.cancel", self.cancel)
        make_action(self, "ask.explain", self.explain.toggle)

    # What is tried

    def show_model(self, folder: RunFolder) -> None:
        """Try the model of this run from now on; answers of another one are put away."""
        if str(folder.path) == self.model:
            return
        self.cancel()
        config = folder.config()
        self.recipe, self.model = config.recipe, str(folder.path)
        self.question.setVisible(asks_questions(config))
        self.clear_answers()

    def clear_answers(self) -> None:
        """Empty the panels and the message."""
        for panel in self.panels:
            panel.put_away()
        self._say("", "")

    @property
    def waiting(self) -> bool:
        """Whether an answer is under way."""
        return self._pending is not None

    def ask(self) -> None:
        """Send the text to both models; a question still under way is abandoned."""
        text = self.text.toPlainText().strip()
        problem = self._problem(text)
        if problem is not None:
            self._failed(problem)
            return
        self.cancel()
        inputs: dict[str, Any] = {"text": text, "attribute": self.explain.isChecked()}
        if not self.question.isHidden():
            inputs["question"] = self.question.text().strip()
        self._say("", "")
        future = self.link.runner.apply(self.recipe, self.model, inputs)
        self._pending = future
        self._show_busy(True)
        self.link.deliver(
            future,
            then=lambda raw: self._arrived(future, raw),
            failed=lambda record: self._refused(future, record),
            owner=self,
        )

    def _problem(self, text: str) -> ProblemRecord | None:
        if not self.model:
            return InputError("There is no model to try yet.", fix="Run the recipe first.").record()
        if not text:
            return InputError("There is no text to try.", fix="Type a sentence.", field="text").record()
        if not self.question.isHidden() and not self.question.text().strip():
            return InputError("There is no question.", fix="Ask something about the text.", field="question").record()
        return None

    def cancel(self) -> None:
        """Stop waiting; the worker drops the request."""
        if self._pending is not None:
            pending, self._pending = self._pending, None
            pending.cancel()
            self._show_busy(False)
            self._say("Cancelled.", "dim")

    def _explain_toggled(self, on: bool) -> None:
        for panel in self.panels:
            panel.show_attribution(on)
        if on and not self.panels[1].isHidden() and not any(panel.explained for panel in self.panels):
            self.ask()

    # What comes back

    def _arrived(self, future: Future[msgspec.Raw], raw: msgspec.Raw) -> None:
        if future is not self._pending:
            return
        self._pending = None
        self._show_busy(False)
        try:
            answers = msgspec.json.decode(raw, type=AnswersDoc).answers
        except msgspec.DecodeError as error:
            what = "The answer cannot be shown."
            self._failed(ProblemRecord(what, expected="answers of models", received=str(error), severity="bug"))
            return
        self._say("" if answers else "The model gave no answer.", "dim")
        self.show_answers(answers)

    def show_answers(self, answers: list[Answer]) -> None:
        """Show answers side by side: one takes the place of the tuned model, of two the base comes first."""
        placed = [None, answers[0]] if len(answers) == 1 else [*answers[:2], None, None][:2]
        for panel, answer in zip(self.panels, placed, strict=True):
            if answer is None:
                panel.put_away()
                continue
            panel.show_answer(answer)
            panel.show_attribution(self.explain.isChecked())

    def _refused(self, future: Future[msgspec.Raw], record: ProblemRecord) -> None:
        if future is self._pending:
            self._pending = None
            self._show_busy(False)
            self._failed(record)

    def _failed(self, record: ProblemRecord) -> None:
        self._say("\n".join(filter(None, (record.what, record.received, record.fix))), "error")
        at_fault = {"text": self.text, "question": self.question}.get(record.field)
        if at_fault is not None:
            at_fault.setFocus()

    def _show_busy(self, on: bool) -> None:
        policy = self.busy.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.busy.setSizePolicy(policy)
        self.busy.setVisible(on)
        self.cancel_button.setVisible(on)
        self.run_button.setVisible(not on)
        if on:
            self._slow.start()
        else:
            self._slow.stop()

    def _say(self, text: str, role: str) -> None:
        self.message.setText(text)
        self.message.setVisible(bool(text))
        if self.message.property("role") != (role or "dim"):
            self.message.setProperty("role", role or "dim")
            self.message.style().unpolish(self.message)
            self.message.style().polish(self.message)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place(wide=self.width() >= theme().pixels(SIDE_BY_SIDE_PX))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self.text.setFixedHeight(theme().pixels(64))


class AnswerPanel(QWidget):
    """What one model says: headline and latency; in `detail` ranked scores, spans, and what each word weighed."""

    def __init__(self, *, strong: bool) -> None:
        super().__init__()
        self.answer: Answer | None = None
        self._model, self._latency = _label("small"), _label("small")
        for label in (self._model, self._latency):
            label.setWordWrap(False)
        self._latency.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._headline = _label("heading" if strong else "")
        self._note = _label("small")
        self.bars = ScoreBars(strong=strong)
        self._spans, self._heat = SpanLabel(), SpanLabel()
        self._heat_title = _label("small")
        self._heat_title.setText("what each word weighed")
        self.detail, self.detail_title = QWidget(), _label("small")
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(self._model, 0, Qt.AlignmentFlag.AlignTop)
        top.addWidget(self._headline, 1)
        top.addWidget(self._latency, 0, Qt.AlignmentFlag.AlignTop)
        column = _column(self)
        column.addLayout(top)
        column.addWidget(self._note)
        column = _column(self.detail)
        for widget in (self.detail_title, self.bars, self._spans, self._heat_title, self._heat):
            column.addWidget(widget)
        for part in (self, self.detail):
            part.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.put_away()

    def put_away(self) -> None:
        """Show nothing."""
        self.hide()
        self.detail.hide()

    @property
    def explained(self) -> bool:
        """Whether the answer says what each word weighed."""
        return self.answer is not None and self.answer.attribution is not None

    def show_answer(self, answer: Answer) -> None:
        """Show what a model answered."""
        self.answer = answer
        self._model.setText(answer.model)
        self.detail_title.setText(answer.model)
        self._latency.setText(latency(answer.seconds))
        score = f"  {answer.scores[0][1]:.2f}" if answer.scores and answer.scores[0][0] == answer.headline else ""
        self._headline.setText(answer.headline + score)
        self._note.setText(answer.note)
        self._note.setVisible(bool(answer.note))
        self.bars.show_scores(answer.scores)
        self._spans.show_text(answer.spans)
        self._spans.setVisible(answer.spans is not None)
        self._heat.show_text(answer.attribution, mode="scores")
        self.setAccessibleName(f"{answer.model}: {answer.headline}")
        self.show()
        self.detail.show()

    def show_attribution(self, on: bool) -> None:
        """Show or hide the weight of each word, where it is known."""
        for widget in (self._heat_title, self._heat):
            widget.setVisible(on and self.explained)


def latency(seconds: float) -> str:
    """'11 ms', '1.4 s'; nothing for what was not measured."""
    if seconds <= 0:
        return ""
    return f"{seconds * 1000:.0f} ms" if seconds < 0.9995 else f"{seconds:.1f} s"


def _column(widget: QWidget) -> QVBoxLayout:
    column = QVBoxLayout(widget)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(4)
    return column


def _label(role: str) -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setProperty("role", role)
    return label
