"""A camera live: its picture, how fast it comes, and its last half minute as a film when it is stopped.

What others build on: `place.canvas` (with `overlay`), `place.arrived` (QImage, seconds since the start) for each
picture that is shown, `place.add_strip(widget)` below the picture, `place.tell_inference(ms)`, and
`place.started` / `place.over`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QSize, QTimer, Signal
from PySide6.QtGui import QAction, QImage, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from workbench.core.problem import Problem, ProblemRecord
from workbench.gui.actions import keymap, make_action
from workbench.gui.asking import Asking
from workbench.gui.card import Caption
from workbench.gui.films import telling
from workbench.gui.films.camera import Camera, cameras
from workbench.gui.films.canvas import FilmCanvas
from workbench.gui.films.live import KeptReader, LiveSource, LoopedFile, Ring
from workbench.gui.films.opening import Opened
from workbench.gui.films.sources import FrameSource
from workbench.gui.link import Link
from workbench.gui.sidepanel import chooser
from workbench.gui.theme import theme

LAST_RATED = 30
STALLS_S, LOOK_MS = 3.0, 500
"""A source that shows nothing for so long is said to stand still; it goes on by itself when pictures come again."""


class LivePlace(QWidget):
    """Chooses a camera or a file in its place, and shows it until it is stopped or goes away."""

    arrived = Signal(object, float)
    started = Signal(str)
    over = Signal()
    left = Signal()
    """Back to what was seen before."""
    kept = Signal(object)
    """What was seen of late, as an Opened film."""
    failed = Signal(object)
    file_wanted = Signal()

    def __init__(self, link: Link, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock, self._last_s = clock, 0.0
        self.source: LiveSource | None = None
        self.ring: Ring | None = None
        self._inference_ms = -1.0
        self._times: deque[float] = deque(maxlen=LAST_RATED)
        self.asking = Asking(link, self, failed=self._none)
        self.canvas = FilmCanvas()
        self.readout, self.costs = Caption(), QLabel()
        self.camera = chooser("Camera")
        self.camera.setPlaceholderText("No camera")
        self.begin, self.file = QPushButton("Start"), QPushButton("Loop a video…")
        self.stop, self.leave = QPushButton("Stop and keep"), QPushButton("Leave")
        self.begin.setProperty("role", "primary")
        doing = {
            "start": (self.begin, lambda: self.start_camera(self.camera.currentText())),
            "file": (self.file, self.file_wanted.emit), "stop": (self.stop, self.stop_and_keep),
            "leave": (self.leave, self.close_live),
        }  # fmt: skip
        self.acts = {name: self._act(f"films.live-{name}", button, do) for name, (button, do) in doing.items()}
        self._watch = QTimer(self)
        self._watch.setInterval(LOOK_MS)
        self._watch.timeout.connect(self.look)
        self._lay_out()
        self._follow()

    def open(self) -> None:
        """Look which cameras there are."""
        self._say("Looking for cameras …")
        self.asking.work("Looking for cameras", cameras, self._list)

    def start_camera(self, name: str) -> None:
        """Show a camera."""
        try:
            self.start(Camera(name, self))
        except Problem as problem:
            self.failed.emit(problem.record())

    def start_file(self, path: str) -> None:
        """Show a video in the place of a camera."""
        self.start(LoopedFile(Path(path), self))

    def start(self, source: LiveSource) -> None:
        """Show a source from now on."""
        self._halt()
        self.source, self.ring = source, Ring()
        self._times.clear()
        # Who sent a picture is asked of the connection: one that is on its way may be of the source before.
        source.arrived.connect(lambda image, time_s: self._show(source, image, time_s))
        source.ended.connect(lambda record: self._ended(source, record))
        self._say(f"Waiting for {source.name} …")
        self._last_s = self._clock()
        self._watch.start()
        source.start()
        self.started.emit(source.name)
        self._follow()

    def stop_and_keep(self) -> None:
        """End the live view; what was seen of late is told with `kept`."""
        opened = self._taken()
        self._halt()
        if opened is not None:
            self.kept.emit(opened)
        else:
            self.left.emit()

    def close_live(self) -> None:
        """End the live view, and keep nothing."""
        self._halt()
        self.left.emit()

    def closed(self) -> None:
        """The window closes."""
        self._halt()
        self.asking.cancel()

    def add_strip(self, strip: QWidget) -> None:
        """Something below the picture."""
        self._strips.addWidget(strip)

    def tell_inference(self, ms: float) -> None:
        """How long a model took for a picture; negative where none is at work."""
        self._inference_ms = ms

    @property
    def running(self) -> bool:
        """Whether pictures come."""
        return self.source is not None

    @property
    def pictures_per_s(self) -> float:
        """How many pictures came of late."""
        span_s = self._times[-1] - self._times[0] if len(self._times) > 1 else 0.0
        return (len(self._times) - 1) / span_s if span_s > 0 else 0.0

    def look(self) -> None:
        """Say so where no picture has come for a while: what is on screen is an old one then."""
        waited_s = self._clock() - self._last_s
        if self.source is None or waited_s < STALLS_S:
            return
        said = f"{self.source.name}: no picture for {waited_s:.0f} s"
        if self._times:
            self.readout.set_whole(f"{said}  ·  what is seen is the last one")
        else:
            self._say(f"{said}. Another program may be using it; Leave, or Loop a video… in its place.")

    def _list(self, names: list[str]) -> None:
        self.camera.clear()
        self.camera.addItems(names)
        if not self.running:
            there = f"{len(names)} cameras" if len(names) > 1 else "1 camera" if names else "No camera"
            start = (
                "Start shows what it sees." if names else "A video file can stand in the place of one: Loop a video…"
            )
            self._say(f"{there} found. {start}")
        self._follow()

    def _none(self, record: ProblemRecord) -> None:
        self.camera.clear()
        self._say(f"{record.what} {record.fix}")
        self._follow()

    def _say(self, words: str) -> None:
        """Tell in the picture's place while there is none."""
        self.readout.set_whole("")
        self.canvas.set_hint(words)

    def _show(self, source: LiveSource, image: QImage, time_s: float) -> None:
        if source is not self.source or self.ring is None:
            return
        if self.canvas.frame_size != image.size():
            self.canvas.open(image.size())
        self.ring.put(image, time_s)
        self.canvas.show_frame(image)
        self._times.append(time_s)
        self._last_s = self._clock()
        left = f"  ·  {self.ring.left_out} not kept" if self.ring.left_out else ""
        self.readout.set_whole(f"{source.name}  ·  {image.width()} × {image.height()}  ·  "
                               f"{self.pictures_per_s:.0f} pictures/s{left}")  # fmt: skip
        self.costs.setText(telling.live_costs(self._inference_ms, self.canvas.draw_ms))
        self.arrived.emit(image, time_s)

    def _ended(self, source: LiveSource, record: ProblemRecord) -> None:
        if source is self.source:
            self.stop_and_keep()
            self.failed.emit(record)

    def _taken(self) -> Opened | None:
        if self.ring is None or self.source is None:
            return None
        pictures = self.ring.pictures()
        if not pictures:
            return None
        reader = KeptReader(pictures)

        def open_source(_yields: bool) -> FrameSource:
            return KeptReader(pictures)

        name = f"{self.source.name} (last {reader.facts.duration_s:.0f} s)"
        return Opened(name, reader.facts, reader.index, open_source, complete=True)

    def _halt(self) -> None:
        source, self.source = self.source, None
        self._watch.stop()
        if source is not None:
            source.stop()
            source.deleteLater()  # type: ignore[attr-defined]
        if self.ring is not None:
            self.ring.close()
            self.ring = None
        self.canvas.open(QSize(0, 0))
        self.costs.setText("")
        if source is not None:
            self.over.emit()
        self._follow()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Buttons that have no room beside each other stand in two rows."""
        super().resizeEvent(event)
        beside_px = sum(one.minimumSize().width() for one in self._rows) + self._top.spacing()
        narrow = beside_px > self.width()
        self._top.setDirection(QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight)

    def _follow(self) -> None:
        self.acts["start"].setEnabled(not self.running and self.camera.count() > 0)
        self.acts["stop"].setEnabled(self.running)
        self.camera.setEnabled(self.camera.count() > 0)

    def _act(self, command: str, button: QPushButton, do: Callable[[], object]) -> QAction:
        """A button and its key, which are the same action."""
        action = make_action(self, command, do)
        button.clicked.connect(lambda _=False: action.trigger())
        action.changed.connect(lambda: button.setEnabled(action.isEnabled()))
        keymap().explain(button, command)
        return action

    def _lay_out(self) -> None:
        px = theme().pixels
        self.camera.setMinimumWidth(px(96))
        self.camera.setMaximumWidth(px(200))
        self._top = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._top.setSpacing(px(8))
        parts: tuple[tuple[QWidget, ...], ...] = ((self.camera, self.begin, self.file), (self.stop, self.leave))
        self._rows = [QHBoxLayout() for _ in parts]
        for row, widgets in zip(self._rows, parts, strict=True):
            row.setSpacing(px(8))
            for widget in widgets:
                row.addWidget(widget)
            row.addStretch(1)
            self._top.addLayout(row)
        self._rows[0].setStretch(0, 2)
        self._top.setStretch(0, 1)
        self.costs.setProperty("role", "dim")
        line = QHBoxLayout()
        line.addWidget(self.readout, 1)
        line.addWidget(self.costs)
        self._strips = QVBoxLayout()
        self._strips.setSpacing(0)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(px(8))
        whole.addLayout(self._top)
        whole.addWidget(self.canvas, 1)
        whole.addLayout(line)
        whole.addLayout(self._strips)
