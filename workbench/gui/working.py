"""One line that tells what is being done and lets a person stop waiting for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QWidget

from workbench.gui.card import Caption
from workbench.gui.theme import theme


class WorkingLine(QWidget):
    """What is being done, and a way to stop waiting for it; hidden otherwise."""

    def __init__(self, stop: Callable[[], None]) -> None:
        super().__init__()
        px = theme().pixels
        self.words = Caption()
        bar = self.bar = QProgressBar()
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

    def tell(self, doing: Sequence[str], fraction: float = -1.0) -> None:
        """Show what is under way, and how far (0 to 1) where that is known."""
        said = "; ".join(one for one in doing if one)
        far = f" {100 * fraction:.0f} %" if said and fraction >= 0 else ""
        self.bar.setRange(0, 100 if far else 0)
        self.bar.setValue(round(100 * fraction) if far else -1)
        self.words.set_whole(f"{said} …{far}" if said else "")
        self.setVisible(bool(said))
