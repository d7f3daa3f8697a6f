"""What the page shows before a case is open: what to drop, a sample, and the cases of late."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from workbench.gui.card import Caption, empty
from workbench.gui.icons import icon
from workbench.gui.theme import theme, tokens

PICTURE_PX, ROOM_PX, LINE_PX = 48, 560, 72


class StartPlace(QWidget):
    """Never empty-handed: files and folders can be chosen, the sample needs neither."""

    recent_chosen = Signal(str)

    def __init__(
        self,
        *,
        file: Callable[[], None],
        folder: Callable[[], None],
        sample: Callable[[], None],
        slide: Callable[[], None],
    ) -> None:
        super().__init__()
        px = theme().pixels
        self._picture = QLabel()
        self._picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        theme().follow(self._picture, self._draw)
        self._draw()
        what = QLabel("Drop a case here")
        what.setProperty("role", "title")
        kinds = QLabel(
            "A DICOM folder, a NIfTI (.nii, .nii.gz), NRRD, MHA or MHD file,\n"
            "a folder of several of them, or a whole slide (SVS, NDPI, tiled TIFF …)."
        )
        kinds.setProperty("role", "dim")
        for label in (what, kinds):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        buttons = QHBoxLayout()
        buttons.setSpacing(px(8))
        buttons.addStretch(1)
        for text, do, tip, primary in (
            (
                "Open the sample case",
                sample,
                "A phantom head in three MR sequences with labels; no file is needed",
                True,
            ),
            ("Sample slide", slide, "A drawn slide of stained tissue; no file is needed", False),
            ("File…", file, "Choose a NIfTI, NRRD, MHA or DICOM file, or a whole slide", False),
            ("Folder…", folder, "Choose the folder of a DICOM series, or of several volumes", False),
        ):
            button = QPushButton(text)
            button.setToolTip(tip)
            if primary:
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
        """List the cases of late, the newest first."""
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
        self._picture.setPixmap(icon("mdi6.tray-arrow-down", tokens().dim).pixmap(side, side))


def short(path: str) -> str:
    """The end of a path, as much as a line holds."""
    parts = Path(path).parts
    shown = str(Path(*parts[-3:])) if len(parts) > 4 else path
    shown = f"… {shown}" if shown != path else path
    return shown if len(shown) <= LINE_PX else "…" + shown[-LINE_PX:]


class WorkingLine(QWidget):
    """What is being done, and a way to stop waiting for it; hidden otherwise."""

    def __init__(self, stop: Callable[[], None]) -> None:
        super().__init__()
        px = theme().pixels
        self.words = Caption()
        bar = QProgressBar()
        bar.setTextVisible(False)
        bar.setRange(0, 0)
        bar.setFixedWidth(px(120))
        bar.setAccessibleName("Working")
        self.stop = QPushButton("Stop")
        self.stop.setProperty("role", "compact")
        self.stop.setToolTip("Wait for this no longer")
        self.stop.clicked.connect(lambda _=False: stop())
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(px(8))
        row.addWidget(bar)
        row.addWidget(self.words, 1)
        row.addWidget(self.stop)
        self.hide()

    def tell(self, doing: Sequence[str]) -> None:
        """Show what is under way."""
        said = "; ".join(one for one in doing if one)
        self.words.set_whole(f"{said} …" if said else "")
        self.setVisible(bool(said))
