"""What all views share: a hint when there is nothing to see, reading off the GUI thread, export."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QPoint, QSize, Qt, QThreadPool, Signal
from PySide6.QtGui import QAction, QContextMenuEvent, QGuiApplication, QPainter, QPixmap
from PySide6.QtWidgets import QFileDialog, QLabel, QMenu, QStackedLayout, QWidget

from workbench.core import events as ev
from workbench.core.commands import COMMANDS, Command
from workbench.core.documents import Item
from workbench.core.problem import InputError, Problem, ProblemRecord, record_of
from workbench.gui.actions import make_action, slug
from workbench.gui.theme import Tokens, theme
from workbench.gui.views import reading

READ_HERE_BYTES = 1 << 20
"""Above this size a file is read on another thread, so that the window never stalls."""

Rows = Iterable[Sequence[Any]]


class View(QWidget):
    """Shows artifacts of one kind; a pure function of the files that it is given.

    A subclass implements `read` (any thread, no Qt), `draw`, `rows` and, for colours, `recolour`.

    Signals: `picked` carries a list of core.documents.Item and `picked_title` says what they are;
    `captioned` carries the line for the card's head.
    """

    picked = Signal(object)
    captioned = Signal(str)
    name = "view"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tokens: Tokens = theme().now
        self.artifact: ev.Artifact | None = None
        self.picked_title = ""
        self.caption = ""
        self.problem: ProblemRecord | None = None
        self._hint = _hint_label()
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self._hint)
        self._body: QWidget | None = None
        self._asked = 0
        self._told = _Told()
        self._told.done.connect(self._read_done, Qt.ConnectionType.QueuedConnection)
        self.setAccessibleName(self.name)
        self._export_actions()
        theme().changed.connect(self.set_theme)

    def set_body(self, body: QWidget) -> None:
        """The widget that shows the content; called once by the subclass."""
        self._body = body
        self._stack.addWidget(body)
        self.clear("Nothing here yet.")

    def show_artifact(self, folder: Path, artifact: ev.Artifact) -> None:
        """Show a file of a run; what is wrong with it is said in its place."""
        self.artifact = artifact
        self._asked += 1
        if reading.size_bytes(folder, artifact) <= READ_HERE_BYTES:
            self._arrived(self._asked, _attempt(self.read, folder, artifact))
            return
        asked, told, read = self._asked, self._told, self.read
        QThreadPool.globalInstance().start(lambda: told.done.emit((asked, _attempt(read, folder, artifact))))

    def read(self, folder: Path, artifact: ev.Artifact) -> Any:
        """The content of an artifact; runs on any thread; raises InputError."""
        raise NotImplementedError

    def draw(self, content: Any) -> None:
        """Show what `read` returned; raises InputError when it makes no sense."""
        raise NotImplementedError

    def rows(self) -> tuple[Sequence[str], Rows]:
        """What is shown as a table, for CSV: names of columns, rows."""
        raise NotImplementedError

    def narrow(self, items: Sequence[Item], title: str) -> None:
        """Show only what these items, picked in another view of the run, stand for; most views go on showing all."""

    def recolour(self) -> None:
        """Take over changed `self.tokens`."""

    def clear(self, hint: str) -> None:
        """Show nothing but a sentence that says what will come here."""
        self._asked += 1
        self.artifact = None
        self._say(hint)

    def set_theme(self, tokens: Tokens) -> None:
        """Use these colours from now on."""
        self.tokens = tokens
        self.recolour()
        self.update()

    def complain(self, problem: ProblemRecord) -> None:
        """Say in the view's place what is wrong and what to do."""
        self._say("\n".join(filter(None, (problem.what, problem.received, problem.fix))))
        self.problem = problem

    def set_caption(self, text: str) -> None:
        """The line for the card's head."""
        if text != self.caption:
            self.caption = text
            self.captioned.emit(text)

    def reveal(self) -> None:
        """Put the content in the hint's place."""
        self.problem = None
        if self._body is not None:
            self._stack.setCurrentWidget(self._body)

    def sizeHint(self) -> QSize:
        return QSize(360, 260)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 120)

    def _say(self, text: str) -> None:
        self.problem = None
        self._hint.setText(text)
        self._stack.setCurrentWidget(self._hint)
        self.set_caption("")

    def _read_done(self, told: tuple[int, Any]) -> None:
        self._arrived(*told)

    def _arrived(self, asked: int, result: Any) -> None:
        if asked != self._asked:
            return
        if isinstance(result, ProblemRecord):
            self.complain(result)
            return
        try:
            self.draw(result)
        except Problem as problem:
            self.complain(problem.record())
            return
        self.reveal()

    # Export

    def add_action(self, name: str, do: Callable[[], Any], *, key: str = "", checkable: bool = False) -> QAction:
        """An entry of the context menu and the command palette; its key works while the view has focus.

        `name` is an id of the table of commands, or the text of an action that only this view has.
        """
        known = name in {one.id for one in COMMANDS}
        command = name if known else Command(f"view.{slug(name)}", name, name.rstrip("…"), key)
        return make_action(self, command, do, checkable=checkable)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addActions(self.actions())
        menu.popup(event.globalPos())

    def _export_actions(self) -> None:
        self.add_action("view.picture", self.copy_picture)
        self.add_action("view.csv", self.copy_csv)
        self.add_action("view.save", self.ask_picture)
        self.add_action("view.export", self.ask_csv)

    def _exported(self) -> QWidget:
        return self._body or self

    def copy_picture(self) -> None:
        """Put the view's picture on the clipboard."""
        QGuiApplication.clipboard().setPixmap(self._exported().grab())

    def copy_csv(self) -> None:
        """Put the shown numbers on the clipboard, tab-separated as spreadsheets take them."""
        QGuiApplication.clipboard().setText(as_csv(*self.rows(), delimiter="\t"))

    def save_csv(self, path: Path) -> None:
        """Write the shown numbers as CSV."""
        path.write_text(as_csv(*self.rows()), encoding="utf-8", newline="")

    def save_picture(self, path: Path) -> None:
        """Write what is shown: SVG by its suffix, otherwise PNG at twice the resolution."""
        if path.suffix.lower() == ".svg":
            _save_svg(self._exported(), path)
            return
        if not _sharp(self._exported(), self.tokens).save(str(path)):
            raise InputError("The picture could not be written.", expected="a writable place", place=str(path))

    def ask_picture(self) -> None:
        """Ask where to, then save the picture."""
        self._ask("Save picture", "picture.png", "PNG (*.png);;SVG (*.svg)", self.save_picture)

    def ask_csv(self) -> None:
        """Ask where to, then save the numbers."""
        self._ask("Save as CSV", "numbers.csv", "CSV (*.csv)", self.save_csv)

    def _ask(self, title: str, name: str, kinds: str, save: Callable[[Path], object]) -> None:
        """Ask for a place; what `save` returns is true where it goes on elsewhere and tells of its end itself."""
        dialog = QFileDialog(self, title)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters(kinds.split(";;"))
        dialog.selectFile(f"{self.artifact.slot}-{name}" if self.artifact else name)
        dialog.fileSelected.connect(lambda chosen: self._save_to(save, Path(chosen)))
        dialog.open()

    def _save_to(self, save: Callable[[Path], object], path: Path) -> None:
        try:
            if not save(path):
                self.set_caption(f"saved {path.name}")
        except (OSError, Problem) as error:
            self.set_caption(f"not saved: {error}")


def as_csv(columns: Sequence[str], rows: Rows, *, delimiter: str = ",") -> str:
    """A table as text, lines ended as RFC 4180 asks; a missing value is an empty field."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return file.getvalue()


def _hint_label() -> QLabel:
    label = QLabel()
    label.setAlignment(Qt.AlignmentFlag.AlignCenter)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setProperty("role", "dim")
    label.setMargin(16)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def _sharp(widget: QWidget, now: Tokens) -> QPixmap:
    pixmap = QPixmap(widget.size() * 2)
    pixmap.setDevicePixelRatio(2)
    pixmap.fill(now.surface)
    widget.render(pixmap)
    return pixmap


def _save_svg(widget: QWidget, path: Path) -> None:
    from PySide6.QtSvg import QSvgGenerator  # only when somebody exports

    generator = QSvgGenerator()
    generator.setFileName(str(path))
    generator.setSize(widget.size())
    generator.setViewBox(widget.rect())
    painter = QPainter(generator)
    widget.render(painter, QPoint())
    painter.end()


def _attempt(read: Callable[[Path, ev.Artifact], Any], folder: Path, artifact: ev.Artifact) -> Any:
    try:
        return read(folder, artifact)
    except (Problem, OSError) as error:
        return record_of(error)


class _Told(QObject):
    """Brings what a pool thread read to the event loop; outlives its view if need be."""

    done = Signal(object)
