"""Going to a frame or a time that somebody writes, and how far a step goes."""

from __future__ import annotations

from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QLineEdit, QVBoxLayout, QWidget

from workbench.core.problem import InputError
from workbench.core.video import FrameIndex
from workbench.gui.theme import theme

HOW = "A whole number is a frame, counted from 0; 12.5, 12.5s, 1:02.5 or 1:02:03 are times; −1 is the last frame."


def frame_of(text: str, index: FrameIndex) -> int:
    """The frame that a text means; raises InputError for what is neither a frame nor a time of this film."""
    said = text.strip().replace("−", "-").removesuffix("s").strip()
    is_time = ":" in said or "." in said or text.strip().endswith("s")
    try:
        if not is_time:
            frame = int(said.replace(" ", ""))
            frame += len(index) if frame < 0 else 0
        else:
            parts = [float(one) for one in said.split(":")]
            if len(parts) > 3 or any(one < 0 for one in parts):
                raise ValueError
            seconds = 0.0
            for one in parts:
                seconds = seconds * 60 + one
            frame = index.frame_at(seconds) if seconds <= index.duration_s else len(index)
    except ValueError:
        raise InputError("This is neither a frame nor a time.", expected=HOW, received=text or "nothing",
                         field="frame") from None  # fmt: skip
    if not 0 <= frame < len(index):
        raise InputError(
            "This video has no such frame.", expected=f"0 to {len(index) - 1}, or up to {index.duration_s:.3f} s",
            received=text, field="frame",
        )  # fmt: skip
    return frame


class GoTo(QDialog):
    """A line for a frame or a time; what is wrong with it is said below, and nothing moves."""

    def __init__(self, parent: QWidget, index: FrameIndex) -> None:
        super().__init__(parent)
        self._index = index
        self.frame = -1
        self.setWindowTitle("Go to frame or time")
        self.text = QLineEdit()
        self.text.setAccessibleName("Frame or time")
        self.text.setPlaceholderText("1234, or 1:02.5")
        self.said = QLabel(HOW)
        self.said.setProperty("role", "dim")
        self.said.setWordWrap(True)
        self.said.setMinimumWidth(theme().pixels(360))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        for widget in (self.text, self.said, buttons):
            column.addWidget(widget)

    def accept(self) -> None:
        """Go there, or say why not."""
        try:
            self.frame = frame_of(self.text.text(), self._index)
        except InputError as error:
            self.said.setText(f"{error.what} Expected: {error.expected}.")
            self.said.setProperty("role", "error")
            self.said.style().polish(self.said)
            return
        super().accept()
