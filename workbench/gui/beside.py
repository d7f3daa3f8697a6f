"""The panels beside a film or a scene: as many as leave it room, one above the other where the page is narrow; the one
shown last stays."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Signal
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QWidget

from workbench.gui.theme import theme

PANEL_PX = 240
"""Panels that stand one above the other get no lower."""


class Beside(QObject):
    """Watches the panels of a row on a page that are beside what the page is about, which needs `least_px` across.

    Where `places` are given, these get no narrower than they can be either. Where side by side the panels would leave
    less than `good_px`, they stand one above the other.
    """

    crowded_out = Signal()
    """A panel was hidden for want of room."""

    def __init__(
        self, page: QWidget, row: QHBoxLayout, least_px: int, places: QWidget | None = None, *, good_px: int = 0
    ) -> None:  # fmt: skip
        super().__init__(page)
        self._page, self._row, self._least_px, self._places = page, row, least_px, places
        self._good_px = good_px
        self._panels: list[QWidget] = []
        self._own: dict[QWidget, int] = {}
        """The widths of panels that have one width."""
        page.installEventFilter(self)

    def add(self, panel: QWidget) -> None:
        """A panel at the right of those that are there already."""
        self._row.addWidget(panel)
        self._panels.append(panel)
        if panel.minimumWidth() == panel.maximumWidth():
            self._own[panel] = panel.minimumWidth()
        panel.installEventFilter(self)

    def fit(self) -> None:
        """Hide panels, the one shown first before others, until the page has room."""
        shown = [one for one in self._panels if not one.isHidden()]
        # The row itself is laid out anew only after its page has been.
        column = self._page.layout()
        margins = column.contentsMargins() if column is not None else self._page.contentsMargins()
        room = self._page.width() - margins.left() - margins.right()
        least = theme().pixels(self._least_px)
        if self._places is not None:
            least = max(least, self._places.minimumSizeHint().width())
        many = len(shown)
        above = bool(self._good_px) and room - sum(map(self._wide, shown)) < theme().pixels(self._good_px)
        self._turn(QBoxLayout.Direction.TopToBottom if above else QBoxLayout.Direction.LeftToRight)
        high = self._places.height() if self._places is not None else self._page.height()
        while len(shown) > 1 and (
            len(shown) * theme().pixels(PANEL_PX) > high if above else room - sum(map(self._wide, shown)) < least
        ):
            shown.pop(0).hide()
        # One above the other they end at one edge.
        widest = max((self._own.get(one, 0) for one in shown), default=0) if above else 0
        for one in shown:
            if one in self._own:
                one.setFixedWidth(max(widest, self._own[one]))
        if len(shown) < many:
            self.crowded_out.emit()

    def _turn(self, direction: QBoxLayout.Direction) -> None:
        if direction == self._row.direction():
            return
        self._row.setDirection(direction)
        holder = self._row.parentWidget()
        if holder is not None:
            self._row.activate()  # whoever holds it has another width at once
            holder.updateGeometry()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._page:
            if event.type() == QEvent.Type.Resize:
                self.fit()
        elif event.type() == QEvent.Type.ShowToParent and watched in self._panels:
            # What was shown last is what is wanted.
            self._panels.sort(key=lambda one: one is watched)
            self.fit()
        return False

    def _wide(self, panel: QWidget) -> int:
        return max(self._own.get(panel, panel.minimumWidth()), panel.minimumSizeHint().width()) + self._row.spacing()
