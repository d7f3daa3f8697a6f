"""The bottom bar: the worker, its device and memory, the queue, the previews' share, the window's pace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLayout, QPushButton, QSizePolicy

from workbench.core.events import WorkerState
from workbench.core.job import JobState
from workbench.core.words import size
from workbench.gui.actions import key_words, keymap
from workbench.gui.theme import Tokens, theme, tokens

if TYPE_CHECKING:
    from workbench.runner.doctor import Finding


class StatusBar(QFrame):
    """Every part opens the job panel, except the last two; what has no room is left out whole, never cut."""

    jobs_wanted = Signal()
    commands_wanted = Signal()
    doctor_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("statusBar")
        px = theme().pixels
        row = QHBoxLayout(self)
        row.setContentsMargins(px(8), px(1), px(8), px(1))
        row.setSpacing(px(8))
        # The bar shows what its width allows; it must not ask for width itself.
        row.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._worker = self._part("worker not connected", "The background process that trains and applies models")
        self._device = self._part("", "Where models run, and the memory in use")
        self._queue = self._part("queue 0", "Runs that wait for their turn")
        self._preview = self._part("preview 0 %", "Share of the run's time that live pictures take")
        self._pace = self._part("GUI –", "The longest time in the last seconds that this window did not answer")
        self._saved = self._part("", "Edits are written to disk by themselves a moment after each change")
        for part in (self._worker, self._device, self._queue, self._preview, self._pace, self._saved):
            row.addWidget(part)
        row.addStretch(1)
        self._doctor = self._part("", "What this machine lacks, with fixes", "window.doctor")
        self._doctor.clicked.disconnect()
        self._doctor.clicked.connect(self.doctor_wanted)
        row.addWidget(self._doctor)
        self._commands = self._part("", "Find every command, recipe, run and setting by its name", "window.palette")
        self._commands.clicked.disconnect()
        self._commands.clicked.connect(self.commands_wanted)
        keymap().follow(self, self._name_key)
        self._name_key()
        row.addWidget(self._commands)
        self._by_weight = (
            self._worker, self._queue, self._doctor, self._saved, self._commands, self._device, self._pace,
            self._preview,
        )  # fmt: skip
        self._said = {part: bool(part.text()) for part in self._by_weight}
        self._state, self._broken = WorkerState(), False
        self.show_state(self._state)
        theme().follow(self, self._dress_doctor)
        theme().follow(self, lambda: self.show_state(self._state))

    def show_state(self, state: WorkerState) -> None:
        """Tell what the worker does."""
        self._state = state
        words, colour = _worker_words(state, tokens())
        self._worker.setText(words)
        self._worker.setIcon(_dot(colour))
        self._device.setText(_device_words(state))
        self._queue.setText(f"queue {len(state.queue)}")
        self._say(self._device, bool(state.device))

    def text(self) -> str:
        """Everything that is said."""
        parts = (self._worker, self._device, self._queue, self._preview, self._pace, self._saved, self._doctor)
        return " · ".join(part.text() for part in parts if part.text() and not part.isHidden())

    def show_job(self, state: JobState) -> None:
        """Tell the previews' share of the run on the stage."""
        self._preview.setText(f"preview {100 * state.preview_share:.0f} %")

    def show_findings(self, findings: list[Finding]) -> None:
        """Tell how many things are missing or broken; nothing where all is there."""
        states = [one.state for one in findings if one.state != "ok"]
        broken = states.count("broken")
        self._broken = bool(broken)
        self._doctor.setText(f"doctor: {broken} broken" if broken else f"doctor: {len(states)} missing")
        self._say(self._doctor, bool(states))
        self._dress_doctor()

    def show_saved(self, words: str) -> None:
        """Tell how the edits in front are kept: 'autosaved 10 s ago'."""
        self._saved.setText(words)
        self._say(self._saved, bool(words))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def event(self, event: QEvent) -> bool:
        """Room is given out anew whenever a text has changed its width."""
        done = super().event(event)
        if event.type() == QEvent.Type.LayoutRequest:
            self._fit()
        return done

    def _say(self, part: QPushButton, said: bool) -> None:
        self._said[part] = said
        self._fit()

    def _fit(self) -> None:
        """Show what there is to say, from the most to the least important, as far as the width goes."""
        row = self.layout()
        assert row is not None
        edges = row.contentsMargins()
        room = self.width() - edges.left() - edges.right()
        for part in self._by_weight:
            room -= part.sizeHint().width() + row.spacing() if self._said[part] else 0
            fits = self._said[part] and room >= 0
            if part.isHidden() == fits:
                part.setVisible(fits)

    def _dress_doctor(self) -> None:
        now = tokens()
        self._doctor.setIcon(_dot(now.error if self._broken else now.warning))

    def show_pace(self, late_ms: float) -> None:
        """Tell the window's longest pause."""
        self._pace.setText(f"GUI {late_ms:.0f} ms")

    def _name_key(self) -> None:
        self._commands.setText(f"{key_words(keymap().key('window.palette'))}  commands".strip())

    def _part(self, text: str, tip: str, command: str = "window.jobs") -> QPushButton:
        part = QPushButton(text)
        keymap().explain(part, command, f"{tip}. Opens the job panel" if command == "window.jobs" else tip)
        part.setAccessibleDescription(tip)
        part.clicked.connect(self.jobs_wanted)
        part.setCursor(Qt.CursorShape.PointingHandCursor)
        return part


def _worker_words(state: WorkerState, now: Tokens) -> tuple[str, str]:
    if not state.pid:
        return "worker not connected", now.dim
    if state.silent:
        return "worker does not answer", now.error
    if state.ending:
        return f"worker {state.ending} a run", now.warning
    if state.paused:
        return "worker paused", now.warning
    if state.running:
        return "worker busy", now.accent
    return (f"worker: {state.interactive}" if state.interactive else "worker ready"), now.ok


def _device_words(state: WorkerState) -> str:
    if not state.memory_total_bytes:
        return state.device
    return f"{state.device} · {size(state.memory_bytes)} of {size(state.memory_total_bytes)}"


def _dot(colour: str) -> QIcon:
    pixmap = QPixmap(24, 24)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colour))
    painter.drawEllipse(5, 5, 14, 14)
    painter.end()
    return QIcon(pixmap)
