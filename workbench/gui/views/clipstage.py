"""One clip of a run, large: its frames one by one, their number and time, what is true and what was predicted."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from workbench.gui.card import Caption
from workbench.gui.theme import theme
from workbench.gui.views.clipgrid import lines_of
from workbench.gui.views.clipset import ClipSet, verdict


class ClipStage(QWidget):
    """Signals: `wanted` carries the frame that the slider asks for, `left` that the clip itself was clicked."""

    wanted = Signal(int)
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        px = theme().pixels
        self.canvas = ClipCanvas(self)
        self.canvas.clicked.connect(self.left)
        self.words, self.told = Caption(role=""), Caption()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("Frame of the clip")
        self.slider.setToolTip("Which frame of the clip is shown")
        self.slider.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.slider.valueChanged.connect(self._slid)
        self.counted = QLabel()
        self.counted.setProperty("role", "dim")
        row = QHBoxLayout()
        row.setSpacing(px(8))
        row.addWidget(self.slider, 1)
        row.addWidget(self.counted)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(px(4))
        column.addWidget(self.canvas, 1)
        column.addWidget(self.words)
        column.addWidget(self.told)
        column.addLayout(row)
        self.setFocusProxy(self.canvas)

    def show_clip(self, clips: ClipSet, clip: int) -> None:
        """Show this clip of a set."""
        self.canvas.clips, self.canvas.clip = clips, clip
        item = clips.items[clip]
        first, second = lines_of(item)
        self.words.set_whole(" · ".join(filter(None, (first, f"{item.score:.2f}" if item.predicted else "", second))))
        judged = verdict(item)
        self.words.setProperty("role", {True: "ok", False: "error"}.get(judged, "") if judged is not None else "")
        self.words.style().polish(self.words)
        self.told.set_whole(" · ".join(filter(None, (item.text, item.group))))
        self.told.setVisible(bool(self.told.whole))
        self.slider.blockSignals(True)
        self.slider.setRange(0, clips.length - 1)
        longest = _counted(clips.length - 1, clips)
        self.counted.setMinimumWidth(self.counted.fontMetrics().horizontalAdvance(longest) + theme().pixels(4))
        self.slider.blockSignals(False)
        self.canvas.setAccessibleName(f"Clip: {self.words.whole}")

    def show_frame(self, frame: int, share: float) -> None:
        """Put a frame on screen, its map `share` opaque."""
        clips = self.canvas.clips
        if clips is None:
            return
        self.canvas.frame, self.canvas.share = frame % clips.length, share
        self.slider.blockSignals(True)
        self.slider.setValue(self.canvas.frame)
        self.slider.blockSignals(False)
        self.counted.setText(_counted(self.canvas.frame, clips))
        self.canvas.update()

    def _slid(self, frame: int) -> None:
        self.wanted.emit(frame)


def _counted(frame: int, clips: ClipSet) -> str:
    return f"frame {frame + 1} of {clips.length} · {frame / clips.meta.frames_per_s:.2f} s"


class ClipCanvas(QWidget):
    """A frame on black, as large as fits."""

    clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.clips: ClipSet | None = None
        self.clip, self.frame, self.share = 0, 0, 0.0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Clip")

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), Qt.GlobalColor.black)
        if self.clips is not None:
            size = self.clips.fits(self.size())
            corner = QPoint((self.width() - size.width()) // 2, (self.height() - size.height()) // 2)
            self.clips.paint(painter, QRect(corner, size), self.clip, self.frame, self.share)
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.clicked.emit()
