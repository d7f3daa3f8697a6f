"""How a recipe's place is divided: what is above, the form at the left, views in the middle, curves beside or below."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QScrollArea, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from workbench.gui.theme import theme
from workbench.gui.tryplace import FULL_PX, TryPlace

NARROW_PX, LEFT_PX, SIDE_PX, LEAST_SIDE_PX = 1000, 256, 288, 216


class RecipeFrame:
    """What holds the parts of a page, made from the outside in, before there are any.

    A widget that finds a new parent is dressed anew with everything in it: built from the inside
    out, a form of a hundred widgets would be dressed eight times.
    """

    def __init__(self, page: QWidget) -> None:
        px = theme().pixels
        self._page = page
        self._scale: float = theme().scale
        self.column = QVBoxLayout(page)
        self.column.setContentsMargins(px(16), px(8), px(16), px(8))
        self.column.setSpacing(px(8))
        self.columns = splitter(Qt.Orientation.Horizontal)
        self.column.addWidget(self.columns, 1)
        self.lefts, self.inner = splitter(Qt.Orientation.Vertical), splitter(Qt.Orientation.Horizontal)
        self.columns.addWidget(self.lefts)
        self.columns.addWidget(self.inner)
        self.form_area, self.middles = QScrollArea(), QStackedWidget()
        self.lefts.addWidget(self.form_area)
        self.inner.addWidget(self.middles)

    def fill_above(self, *widgets: QWidget) -> None:
        """Lines over everything, from the top."""
        for at, widget in enumerate(widgets):
            self.column.insertWidget(at, widget)

    def fill_left(self, form: QWidget, tryplace: TryPlace) -> None:
        """The form, which is scrolled, and the try-it box below it."""
        area = self.form_area
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setMinimumWidth(theme().pixels(LEFT_PX))
        theme().follow(self._page, self._rescale)
        form.setObjectName("scrolled")
        area.setWidget(form)
        self.lefts.addWidget(tryplace)
        self.lefts.setStretchFactor(0, 1)
        tryplace.filled.connect(self._make_room)

    def fill_middle(self, stage: QWidget, picked: QWidget, timeline: QWidget, *others: QWidget) -> None:
        """Views, what was picked in them, their time slider; `others` can take the place of all that."""
        middle = QWidget()
        for one in (middle, *others):
            self.middles.addWidget(one)
        column = QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme().pixels(4))
        views = splitter(Qt.Orientation.Vertical)
        column.addWidget(views, 1)
        column.addWidget(timeline)
        views.addWidget(stage)
        views.addWidget(picked)
        views.setStretchFactor(0, 3)
        views.setStretchFactor(1, 1)

    def fill_right(self, side: QWidget) -> None:
        """Curves and the log."""
        px = theme().pixels
        self.inner.addWidget(side)
        self.inner.setStretchFactor(0, 1)
        self.inner.setSizes([px(760), px(SIDE_PX)])
        side.setMinimumWidth(px(LEAST_SIDE_PX))
        self.columns.setStretchFactor(1, 1)
        self.columns.setSizes([px(304), px(1100)])

    def turn(self, side: QSplitter, width_px: int) -> None:
        """Curves beside the views, or below them where the page is narrow."""
        narrow = width_px < theme().pixels(NARROW_PX)
        wanted = Qt.Orientation.Vertical if narrow else Qt.Orientation.Horizontal
        if self.inner.orientation() != wanted:
            self.inner.setOrientation(wanted)
            side.setOrientation(Qt.Orientation.Horizontal if narrow else Qt.Orientation.Vertical)
            # A border dragged by hand, or sizes of a narrower window, leave the curves room beside the views.
            side.setMinimumWidth(0 if narrow else theme().pixels(LEAST_SIDE_PX))
            whole, beside = self.inner.height() if narrow else self.inner.width(), theme().pixels(SIDE_PX)
            self.inner.setSizes([whole * 13 // 20, whole * 7 // 20] if narrow else [max(whole - beside, 1), beside])

    def _rescale(self) -> None:
        """Give the form the width that larger or smaller text takes."""
        factor = theme().scale / self._scale
        self._scale = theme().scale
        if factor != 1:
            self.form_area.setMinimumWidth(theme().pixels(LEFT_PX))
            left, *rest = self.columns.sizes()
            left, total = min(round(left * factor), (left + sum(rest)) // 2), left + sum(rest)
            self.columns.setSizes([left, total - left])

    def _make_room(self) -> None:
        """The try-it box gets what it wants, but never more than the form keeps."""
        whole = sum(self.lefts.sizes())
        wanted = min(theme().pixels(FULL_PX), whole * 45 // 100)
        self.lefts.setSizes([whole - wanted, wanted])


def splitter(orientation: Qt.Orientation) -> QSplitter:
    """Two parts with a border that can be moved, neither of which can be folded away."""
    made = QSplitter(orientation)
    made.setHandleWidth(theme().pixels(8))
    made.setChildrenCollapsible(False)
    return made
