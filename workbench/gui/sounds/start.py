"""What the page of sounds shows before a sound is open: what to drop, a sample, a microphone, the sounds of late."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from workbench.gui.card import empty
from workbench.gui.cases.start import PICTURE_PX, ROOM_PX, short
from workbench.gui.icons import icon
from workbench.gui.theme import theme, tokens


class StartPlace(QWidget):
    """Never empty-handed: the sample needs no file."""

    recent_chosen = Signal(str)

    def __init__(
        self, *, files: Callable[[], None], folder: Callable[[], None], sample: Callable[[], None],
        record: Callable[[], None],
    ) -> None:  # fmt: skip
        super().__init__()
        px = theme().pixels
        self._picture = QLabel()
        self._picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        theme().follow(self._picture, self._draw)
        self._draw()
        what = QLabel("Drop sounds here")
        what.setProperty("role", "title")
        kinds = QLabel("WAV, FLAC, MP3, OGG, Opus, M4A, AIFF, the sound of a video,\nor a folder of them.")
        kinds.setProperty("role", "dim")
        for label in (what, kinds):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        buttons = QHBoxLayout()
        buttons.setSpacing(px(8))
        buttons.addStretch(1)
        for text, do, tip in (
            ("Open the sample sound", sample, "Synthetic speech with its words and phones; no file is needed"),
            ("Files…", files, "Choose sound or video files"),
            ("Folder…", folder, "Choose a folder of sound files"),
            ("Record…", record, "Record from a microphone"),
        ):
            button = QPushButton(text)
            button.setToolTip(tip)
            if do is sample:
                button.setProperty("role", "primary")
            button.clicked.connect(lambda _=False, do=do: do())
            buttons.addWidget(button)
        buttons.addStretch(1)
        self._heading = QLabel("Opened of late")
        self._heading.setProperty("role", "heading")
        self._recent = QVBoxLayout()
        self._recent.setSpacing(px(2))
        inner = QWidget()
        inner.setFixedWidth(px(ROOM_PX))
        column = QVBoxLayout(inner)
        column.setSpacing(px(12))
        for widget in (self._picture, what, kinds):
            column.addWidget(widget)
        column.addLayout(buttons)
        column.addSpacing(px(16))
        column.addWidget(self._heading)
        column.addLayout(self._recent)
        whole = QVBoxLayout(self)
        whole.addStretch(1)
        whole.addWidget(inner, 0, Qt.AlignmentFlag.AlignHCenter)
        whole.addStretch(2)

    def show_recent(self, paths: Sequence[str]) -> None:
        """List the sounds of late, the newest first."""
        empty(self._recent)
        self._heading.setVisible(bool(paths))
        for path in paths:
            button = QPushButton(short(path))
            button.setProperty("role", "link")
            button.setToolTip(path)
            button.setAccessibleName(f"Open {path}")
            button.clicked.connect(lambda _=False, path=path: self.recent_chosen.emit(path))
            self._recent.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)

    def _draw(self) -> None:
        side = theme().pixels(PICTURE_PX)
        self._picture.setPixmap(icon("mdi6.waveform", tokens().dim).pixmap(side, side))
