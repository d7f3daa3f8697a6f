"""What was found in a folder, to choose from: pictures, sizes, and what cannot be loaded with its reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon, QImage, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QHBoxLayout, QListWidget, QListWidgetItem, QPushButton

from workbench.core.volumes import CaseInfo, SeriesInfo
from workbench.core.words import count
from workbench.gui.card import Caption, Card
from workbench.gui.theme import theme
from workbench.gui.volumes.scene import MOST_SEQUENCES

PICTURE_PX = 72
LABELS = "SEG"


def loadable(series: Sequence[SeriesInfo]) -> list[SeriesInfo]:
    """Those without a problem."""
    return [one for one in series if not one.problem]


def usual(series: Sequence[SeriesInfo]) -> list[SeriesInfo]:
    """What is chosen at first: the images of one lattice where all are, with their labels; else the first one."""
    good = loadable(series)
    images = [one for one in good if one.modality != LABELS]
    alike = len({(one.shape, one.spacing_mm) for one in images}) == 1
    if not alike or len(images) > MOST_SEQUENCES:
        return (images or good)[:1]
    return images + [one for one in good if one.modality == LABELS][:1]


def words(one: SeriesInfo) -> str:
    """A series in two or three lines: its title, what it is, why it cannot be loaded."""
    spacing = " × ".join(f"{value:.3g}" for value in one.spacing_mm or ())
    facts = [
        "labels" if one.modality == LABELS else one.modality,
        " × ".join(map(str, one.shape)) + (" voxels" if one.shape else ""),
        f"{spacing} mm" if spacing else "",
        count(one.files, "file") if one.files > 1 else "",
        one.detail,
    ]
    lines = [one.title, "  ·  ".join(fact for fact in facts if fact), one.problem]
    return "\n".join(line for line in lines if line)


class SeriesChooser(Card):
    """Return or a double click opens; several images are opened side by side, on the lattice of the first."""

    chosen = Signal(object)
    """A list of SeriesInfo."""

    def __init__(self, background: Callable[..., None]) -> None:
        """`background` does work off the GUI thread, as gui.link.Link does."""
        super().__init__("Series")
        self._background = background
        self._case: CaseInfo | None = None
        px = theme().pixels
        self.list = QListWidget()
        self.list.setAccessibleName("Series of the case")
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.list.setIconSize(QSize(px(PICTURE_PX), px(PICTURE_PX)))
        self.list.setSpacing(px(2))
        self.list.setWordWrap(True)
        self.list.itemActivated.connect(lambda _: self._open())
        self.list.itemSelectionChanged.connect(self._count)
        self.hint = Caption()
        self.open_button = QPushButton("Open")
        self.open_button.setProperty("role", "primary")
        self.open_button.setToolTip("Open what is chosen (Return)")
        self.open_button.clicked.connect(lambda _=False: self._open())
        row = QHBoxLayout()
        row.setContentsMargins(px(12), px(4), px(12), px(4))
        row.addWidget(self.hint, 1)
        row.addWidget(self.open_button)
        self.set_body(self.list, margin=8)
        self._column.addLayout(row)

    def show_case(self, case: CaseInfo) -> None:
        """List what was found; what is usual is chosen already."""
        self._case = case
        self.set_caption(count(len(case.series), "series", "series") + "; Ctrl or Shift chooses several")
        self.list.clear()
        first = {one.key for one in usual(case.series)}
        for one in case.series:
            item = QListWidgetItem(_blank(), words(one))
            item.setData(Qt.ItemDataRole.UserRole, one)
            item.setSizeHint(QSize(0, theme().pixels(PICTURE_PX + 12)))
            if one.problem:
                item.setFlags(Qt.ItemFlag.NoItemFlags)
                item.setToolTip(one.problem)
            self.list.addItem(item)
            item.setSelected(one.key in first)
        chosen = self.list.selectedItems()
        if chosen:
            self.list.setCurrentItem(chosen[0], self.list.selectionModel().SelectionFlag.NoUpdate)
        paths = [one.thumbnail for one in case.series]
        self._background(lambda: [_picture(path) for path in paths], then=lambda found: self._show(case, found),
                         failed=lambda _: None, owner=self)  # fmt: skip
        self._count()

    def selected(self) -> list[SeriesInfo]:
        """What is chosen, in the order of the list."""
        items = (self.list.item(at) for at in range(self.list.count()))
        return [item.data(Qt.ItemDataRole.UserRole) for item in items if item.isSelected()]

    def _show(self, case: CaseInfo, pictures: list[QImage]) -> None:
        if case is self._case:
            for at, picture in enumerate(pictures):
                if not picture.isNull():
                    self.list.item(at).setIcon(_icon(QPixmap.fromImage(picture)))

    def _count(self) -> None:
        images = [one for one in self.selected() if one.modality != LABELS]
        labels = len(self.selected()) - len(images)
        fault = ""
        if len(images) > MOST_SEQUENCES:
            fault = f"At most {MOST_SEQUENCES} images are shown side by side."
        elif labels > 1:
            fault = "Choose one label volume; others can be loaded afterwards."
        parts = [count(len(images), "image")] if images else []
        parts += ["labels"] if labels else []
        told = " and ".join(parts) + " chosen" if parts else "Choose a series."
        if len({(one.shape, one.spacing_mm) for one in images}) > 1:
            told += f"; the others are laid onto {images[0].title} by where they lie"
        self.hint.set_whole(fault or told)
        self.open_button.setEnabled(bool(parts) and not fault)

    def _open(self) -> None:
        if self.open_button.isEnabled():
            self.chosen.emit(self.selected())


def _picture(path: str) -> QImage:
    return QImage(path) if path else QImage()


def _blank() -> QIcon:
    side = theme().pixels(PICTURE_PX)
    blank = QPixmap(side, side)
    blank.fill(Qt.GlobalColor.black)
    return _icon(blank)


def _icon(picture: QPixmap) -> QIcon:
    """A picture whose greys stay as they are where its line is chosen."""
    found = QIcon(picture)
    found.addPixmap(picture, QIcon.Mode.Selected)
    return found
