"""Recording from a microphone: choose a device, see the level, set the gain, record straight to disk."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QSlider, QVBoxLayout, QWidget

from workbench.core.words import count, spaced
from workbench.gui.autosave import Background
from workbench.gui.card import Caption
from workbench.gui.sounds import devices
from workbench.gui.sounds.devices import Device
from workbench.gui.sounds.live import LevelMeter, LiveCanvas
from workbench.gui.sounds.recorder import MakeInput, Recorder
from workbench.gui.theme import theme
from workbench.gui.timestrip import clock

TICK_MS = 16
METER_S = 0.05
GAIN_DB = 30


class RecordPanel(QWidget):
    """Listens while it is seen; `recorded` carries the path of a finished recording."""

    recorded = Signal(str)
    left = Signal()

    def __init__(
        self, background: Background, folder: Path, *, make_input: MakeInput = devices.PortInput,
        inputs: Callable[[], Sequence[Device]] = devices.inputs,
    ) -> None:  # fmt: skip
        super().__init__()
        self._background, self._folder, self._make_input, self._inputs = background, folder, make_input, inputs
        self.recorder: Recorder | None = None
        self._devices: list[Device] = []
        self._opened = 0
        self._ticked_at = time.monotonic()
        self.device, self.meter, self.live = QComboBox(), LevelMeter(), LiveCanvas()
        self.gain = QSlider(Qt.Orientation.Horizontal)
        self.start, self.leave = QPushButton("Record"), QPushButton("Back")
        self.state = Caption()
        self._timer = QTimer(self)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self.tick)
        self._lay_out()
        self.device.currentIndexChanged.connect(lambda _: self.listen())
        self.gain.valueChanged.connect(lambda _: self._set_gain())
        self.start.clicked.connect(lambda _=False: self.toggle())
        self.leave.clicked.connect(lambda _=False: self.left.emit())

    @property
    def recording(self) -> bool:
        """Whether what is heard goes to disk."""
        return self.recorder is not None and self.recorder.path is not None

    def open(self) -> None:
        """Look for microphones and listen to the first."""
        self.start.setEnabled(False)
        self.state.set_whole("Looking for microphones …")
        self._background.background(self._inputs_or_why, then=self._found, owner=self)

    def listen(self) -> None:
        """Hear the chosen device; opened off this thread, since that may take long."""
        if not self._devices or self.recording:
            return
        self._quit()
        one = self._devices[max(self.device.currentIndex(), 0)]
        self._opened += 1
        asked = self._opened

        def work() -> Recorder | str:
            try:
                recorder = Recorder(
                    self._make_input, device=one.number, rate_hz=one.rate_hz, channels=min(one.channels, 2)
                )
                recorder.start()
            except Exception as error:  # PortAudio's own error class is only there with the library
                return f"This microphone cannot be opened: {error}"
            return recorder

        self._background.background(work, then=lambda found: self._listening(asked, found), owner=self)

    def toggle(self) -> None:
        """Begin to record; or end, and hand over everything that was recorded."""
        recorder = self.recorder
        if recorder is None:
            return
        if not self.recording:
            try:
                recorder.record(self._folder / time.strftime("recording-%Y%m%d-%H%M%S.wav"))
            except OSError as error:
                self.state.set_whole(f"Nothing can be recorded there: {error}")
                return
            self.start.setText("Stop")
            self.device.setEnabled(False)
            return
        self.finish()

    def finish(self) -> None:
        """End the recording if there is one; it is kept."""
        recorder, was = self.recorder, self.recording
        self._timer.stop()
        self.recorder = None
        self.start.setText("Record")
        self.device.setEnabled(True)
        if recorder is None:
            return
        self._background.background(
            recorder.finish, then=lambda path: self._finished(recorder, path) if was else None, owner=self
        )

    def tick(self) -> None:
        """Show what came since the last time."""
        recorder = self.recorder
        if recorder is None:
            return
        now = time.monotonic()
        ring = recorder.ring
        self.live.take_up(ring)
        self.meter.show_frames(ring.latest(ring.written - round(METER_S * recorder.rate_hz), ring.written),
                               now - self._ticked_at)  # fmt: skip
        self._ticked_at = now
        self._tell(recorder)

    def _tell(self, recorder: Recorder) -> None:
        if recorder.fault:
            self.state.set_whole(recorder.fault)
            return
        parts = [f"{spaced(recorder.rate_hz)} Hz"]
        if self.recording:
            length = clock(recorder.frames_written / recorder.rate_hz, 0.1)
            parts = [f"recording to {recorder.path.name if recorder.path else ''}", length, *parts]
            parts.append("no dropouts" if not recorder.dropouts else count(recorder.dropouts, "dropout"))
        self.state.set_whole("  ·  ".join(parts))

    def _inputs_or_why(self) -> Sequence[Device] | str:
        try:
            return self._inputs()
        except Exception as error:  # as in listen()
            return str(error)

    def _found(self, found: Sequence[Device] | str) -> None:
        if isinstance(found, str) or not found:
            self._devices = []
            self.device.setEnabled(False)
            self.live.hide()
            self.state.set_whole(found if isinstance(found, str) else "There is no microphone on this machine.")
            return
        self._devices = list(found)
        self.device.blockSignals(True)
        self.device.clear()
        self.device.addItems([one.name for one in found])
        self.device.blockSignals(False)
        self.device.setEnabled(True)
        self.live.show()
        self.listen()

    def _listening(self, asked: int, found: Recorder | str) -> None:
        if isinstance(found, str):
            self.start.setEnabled(False)
            self.state.set_whole(found)
        elif asked != self._opened or not self.isVisible():
            self._background.background(found.finish)
        else:
            self.recorder = found
            self._set_gain()
            self.live.begin(found.rate_hz)
            self.start.setEnabled(True)
            self._timer.start()

    def _finished(self, recorder: Recorder, path: Path | None) -> None:
        if recorder.fault:
            self.state.set_whole(recorder.fault)
        elif path is not None:
            self.recorded.emit(str(path))

    def _set_gain(self) -> None:
        self.gain.setToolTip(f"Gain {self.gain.value():+d} dB before recording")
        if self.recorder is not None:
            self.recorder.gain = 10 ** (self.gain.value() / 20)

    def _quit(self) -> None:
        self._timer.stop()
        recorder, self.recorder = self.recorder, None
        if recorder is not None:
            self._background.background(recorder.finish)

    def hideEvent(self, event: QHideEvent) -> None:
        self._opened += 1
        if self.recording:
            self.finish()
        else:
            self._quit()
        super().hideEvent(event)

    def _lay_out(self) -> None:
        px = theme().pixels
        self.device.setAccessibleName("Microphone")
        self.device.setToolTip("The microphone to record from")
        self.device.setMinimumWidth(px(220))
        self.gain.setRange(-GAIN_DB, GAIN_DB)
        self.gain.setAccessibleName("Gain")
        self.gain.setFixedWidth(px(140))
        self.start.setProperty("role", "primary")
        self.start.setToolTip("Record to disk until it is stopped")
        self.leave.setToolTip("Back without a recording; one under way is kept")
        row = QHBoxLayout()
        row.setSpacing(px(8))
        for name, widget in (("Microphone", self.device), ("Gain", self.gain), ("Level", self.meter)):
            label = QLabel(name)
            label.setProperty("role", "dim")
            row.addWidget(label)
            row.addWidget(widget)
        row.addStretch(1)
        row.addWidget(self.leave)
        row.addWidget(self.start)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(px(8))
        column.addLayout(row)
        column.addWidget(self.live, 1)
        column.addWidget(self.state)
        column.addStretch(0)
        self._set_gain()
