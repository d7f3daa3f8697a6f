"""The frame that every view, form and list sits in: a title, a caption at the right, a body."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLayout, QSizePolicy, QVBoxLayout, QWidget

from workbench.gui.theme import theme


def empty(layout: QLayout) -> None:
    """Take every widget out of a layout and let it go."""
    while (item := layout.takeAt(0)) is not None:
        widget = item.widget()
        if widget is not None:
            widget.hide()
            widget.deleteLater()


class Caption(QLabel):
    """A dim line that ends in an ellipsis instead of being cut; the whole of it is in its tooltip."""

    def __init__(self, text: str = "", *, role: str = "dim") -> None:
        super().__init__()
        self.setProperty("role", role)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self._whole = ""
        self.set_whole(text)

    def set_whole(self, text: str) -> None:
        """The text to show as far as there is room."""
        if text != self._whole:
            self._whole = text
            self._fit()

    @property
    def whole(self) -> str:
        """The text before it was shortened."""
        return self._whole

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        shown = QFontMetrics(self.font()).elidedText(self._whole, Qt.TextElideMode.ElideRight, self.width())
        if shown != self.text():
            self.setText(shown)
            self.setToolTip(self._whole if shown != self._whole else "")


class FieldLabel(QLabel):
    """The name of a field: takes as many lines as it needs in the width of its column, and is never cut."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.setProperty("role", "dim")
        self.setTextFormat(Qt.TextFormat.PlainText)
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setWordWrap(True)


class Card(QFrame):
    """A titled frame; `caption` holds what is worth knowing at a glance, `header` takes small controls."""

    def __init__(self, title: str, caption: str = "") -> None:
        super().__init__()
        self.setObjectName("card")
        px = theme().pixels
        self._title = QLabel(title)
        self._title.setProperty("role", "heading")
        self._title.setTextFormat(Qt.TextFormat.PlainText)
        self._caption = Caption(caption)
        self._caption.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.header = QHBoxLayout()
        self.header.setSpacing(px(8))
        self.header.setContentsMargins(px(12), px(8), px(12), 0)
        self.header.addWidget(self._title)
        self.header.addWidget(self._caption, 1)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, px(8))
        self._column.setSpacing(px(4))
        self._column.addLayout(self.header)
        self._holder = QVBoxLayout()
        self._column.addLayout(self._holder, 1)
        self._body: QWidget | None = None
        self.set_title(title)

    def set_title(self, title: str) -> None:
        """Name the card; screen readers hear the same."""
        self._title.setText(title)
        self.setAccessibleName(title)

    def title(self) -> str:
        """The name in the corner."""
        return self._title.text()

    def set_caption(self, caption: str) -> None:
        """The dim line at the right; shortened with an ellipsis where there is no room."""
        self._caption.set_whole(caption)

    def caption(self) -> str:
        """The caption as it was set."""
        return self._caption.whole

    def body(self) -> QWidget | None:
        """What the card holds."""
        return self._body

    def set_body(self, body: QWidget, *, margin: int = 12) -> None:
        """Fill the card; a former body is let go. `margin` is the room left and right in grid pixels."""
        if self._body is not None:
            self._holder.removeWidget(self._body)
            self._body.setParent(None)
        self._body = body
        side = theme().pixels(margin)
        self._holder.setContentsMargins(side, 0, side, 0)
        self._holder.addWidget(body)
        if not body.accessibleName():
            body.setAccessibleName(self.title())
