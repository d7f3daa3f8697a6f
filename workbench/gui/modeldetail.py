"""The chosen model at length: its card, its layers, its files, and what can be done with it."""

from __future__ import annotations

import functools
import html
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication, QImage, QTextDocument
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QPushButton, QTabWidget, QTextBrowser, QVBoxLayout, QWidget

from workbench.core.problem import ProblemRecord
from workbench.core.recipe import Recipe
from workbench.core.words import count, size
from workbench.gui.buttons import tool_button
from workbench.gui.card import Caption, Card
from workbench.gui.layertree import FlatLayers, LayerTree, read_layers
from workbench.gui.link import Link
from workbench.gui.modellist import ModelEntry, backbone_knob, millions
from workbench.gui.sheet import Sheet
from workbench.gui.theme import theme, tokens
from workbench.store.modelfiles import FileCheck, ModelDetail, ModelFile, check_file, detail_of

NOTHING = "Choose a model to see its card, its layers and its files.\nDrop a model's folder on this page to add it."
STATES = {"sound": "ok", "damaged": "error", "changed": "error", "missing": "error", "checking…": "accent"}
FILE_COLUMNS = ("file", "size", "state", "note")
FILE_WIDTHS = (176, 72, 96)


class CardView(QTextBrowser):
    """A card's text: no HTML of its own, no pictures from anywhere, links to the web only when clicked."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Model card")
        self.setOpenLinks(False)
        self.anchorClicked.connect(self._follow)

    def loadResource(self, _kind: int, _name: QUrl | str) -> Any:
        return QImage()

    def _follow(self, url: QUrl) -> None:
        if url.scheme() in ("http", "https"):
            QDesktopServices.openUrl(url)


class ModelDetailCard(Card):
    """What the list's choice is shown in; asks for what changes the list by signals."""

    use_wanted = Signal(str, str)
    """A recipe's id and the address that it shall start from."""
    run_opened = Signal(str)
    delete_wanted = Signal(object)
    problem = Signal(object)

    def __init__(self, link: Link, recipes: Mapping[str, Recipe]) -> None:
        super().__init__("No model chosen")
        self.link, self.recipes = link, recipes
        self.entry: ModelEntry | None = None
        self.detail: ModelDetail | None = None
        self._layers_of = ""
        self._checks: dict[str, FileCheck] = {}
        self._to_check: list[ModelFile] = []
        self.address = Caption()
        self.card, self.layers = CardView(), LayerTree()
        self.files = Sheet(FILE_COLUMNS, numbers=("size",), colours=STATES)
        self.empty = QLabel(NOTHING)
        self.empty.setProperty("role", "dim")
        self.empty.setWordWrap(True)
        self.pages = QTabWidget()
        self.pages.addTab(self.card, "Card")
        self.pages.addTab(self.layers, "Layers")
        self.pages.addTab(self.files, "Files")
        self.pages.currentChanged.connect(lambda _: self._want_layers())
        self._lay_out()
        self.show_entry(None)
        theme().follow(self, self._write_card)

    def show_entry(self, entry: ModelEntry | None) -> None:
        """Show another model, or the same one anew."""
        self.entry, self.detail, self._layers_of = entry, None, ""
        self._checks, self._to_check = {}, []
        self.set_title(entry.title if entry else "No model chosen")
        self.set_caption(_facts_in_short(entry) if entry else "")
        self.address.set_whole(entry.address if entry else "")
        self._fit_buttons()
        for widget in (self.pages, self._row, self.address):
            widget.setVisible(entry is not None)
        self.empty.setVisible(entry is None)
        self.card.clear()
        self.layers.clear()
        if entry is None:
            return
        self.files.set_rows([], keys=[])
        if not entry.path:
            self.card.setPlainText(entry.trouble or "This model's folder is not known.")
            self.layers.show_fault(entry.trouble or "This model's folder is not known.")
            return
        path, address = Path(entry.path), entry.address
        self.link.background(
            lambda: detail_of(path, address=address), then=functools.partial(self._show_detail, entry),
            failed=functools.partial(self._no_detail, entry), owner=self,
        )  # fmt: skip
        self._want_layers()

    def verify(self) -> None:
        """Compare every file with its digest, one after the other, off the GUI thread."""
        if self.detail is not None and self.entry is not None and not self._to_check:
            self.pages.setCurrentWidget(self.files)
            self._checks = {}
            self._to_check = list(self.detail.files)
            self._verify_next(self.entry)

    def _verify_next(self, entry: ModelEntry) -> None:
        self._show_files()
        if not self._to_check or entry is not self.entry:
            return
        folder, file = Path(entry.path), self._to_check[0]
        self.link.background(
            lambda: check_file(folder, file), then=functools.partial(self._checked, entry), owner=self
        )  # fmt: skip

    def _checked(self, entry: ModelEntry, check: FileCheck) -> None:
        if entry is self.entry and self._to_check:
            self._checks[check.file] = check
            self._to_check.pop(0)
            self._verify_next(entry)

    def _show_detail(self, entry: ModelEntry, detail: ModelDetail) -> None:
        if entry is self.entry:
            self.detail = detail
            self.verify_button.setEnabled(True)
            self._write_card()
            self._show_files()

    def _no_detail(self, entry: ModelEntry, record: ProblemRecord) -> None:
        if entry is self.entry:
            self.card.setPlainText(record.text())

    def _write_card(self) -> None:
        if self.detail is not None and self.entry is not None:
            self.card.setHtml(card_html(self.detail, self.entry))

    def _show_files(self) -> None:
        if self.detail is None:
            return
        now = self._to_check[0].name if self._to_check else ""
        rows, ranks = [], []
        for one in self.detail.files:
            check = self._checks.get(one.name)
            state = check.state if check else "checking…" if one.name == now else ""
            rows.append([one.name, size(one.size_bytes), state, check.note if check else ""])
            ranks.append([one.name, one.size_bytes, state, rows[-1][3]])
        self.files.set_rows(rows, keys=[one.name for one in self.detail.files], ranks=ranks)
        for column, width in enumerate(FILE_WIDTHS):
            self.files.setColumnWidth(column, theme().pixels(width))
        self.pages.setTabText(2, f"Files · {self._verdict() or len(rows)}")

    def _verdict(self) -> str:
        if self._to_check:
            return f"checking {len(self._checks) + 1} of {len(self._checks) + len(self._to_check)}"
        faults = sum(one.is_fault for one in self._checks.values())
        return "" if not self._checks else count(faults, "fault") if faults else "no faults"

    def _want_layers(self) -> None:
        """Read the headers when the tree is looked at, once per model."""
        entry = self.entry
        wanted = entry is not None and entry.path and self.pages.currentWidget() is self.layers
        if not wanted or entry is None or self._layers_of == entry.key:
            return
        self._layers_of = entry.key
        path = Path(entry.path)
        self.link.background(
            lambda: read_layers(path), then=functools.partial(self._show_layers, entry),
            failed=functools.partial(self._no_layers, entry), owner=self,
        )  # fmt: skip

    def _show_layers(self, entry: ModelEntry, flat: FlatLayers) -> None:
        if entry is self.entry:
            self.layers.show_layers(flat)

    def _no_layers(self, entry: ModelEntry, record: ProblemRecord) -> None:
        if entry is self.entry:
            self.layers.show_fault(record.text())

    # Buttons

    def _lay_out(self) -> None:
        px = theme().pixels
        self.use_button = QPushButton("Use in…")
        self.use_button.setProperty("role", "primary")
        self.use_button.setMenu(QMenu(self.use_button))
        self.verify_button = QPushButton("Verify")
        self.verify_button.setToolTip("Compare every file with its digest, or read its header where none is known")
        self.verify_button.clicked.connect(self.verify)
        self.copy_button = tool_button("mdi6.content-copy", "Copy the model's address", self._copy)
        self.folder_button = tool_button("mdi6.folder-open-outline", "Show the model's folder", self._show_folder)
        self.run_button = tool_button("mdi6.history", "Open the run that made this model", self._open_run)
        self.delete_button = tool_button("mdi6.delete-outline", "Delete the model", self._delete)
        self._row = QWidget()
        row = QHBoxLayout(self._row)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(px(8))
        for button in (self.use_button, self.verify_button):
            row.addWidget(button)
        row.addStretch(1)
        for tool in (self.copy_button, self.folder_button, self.run_button, self.delete_button):
            row.addWidget(tool)
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(px(8))
        column.addWidget(self.address)
        column.addWidget(self._row)
        column.addWidget(self.pages, 1)
        column.addWidget(self.empty, 1)
        self.set_body(body)

    def _fit_buttons(self) -> None:
        entry = self.entry
        menu = self.use_button.menu()
        menu.clear()
        takers = [one for one in self.recipes.values() if backbone_knob(one)]
        usable = entry is not None and not entry.trouble and bool(entry.architecture)
        for recipe in takers if usable else []:
            action = menu.addAction(f"{recipe.title} ({recipe.id})")
            action.triggered.connect(lambda _=False, name=recipe.id: self._use(name))
        self.use_button.setEnabled(bool(menu.actions()))
        why = "This model cannot be a starting point" + (f": {entry.trouble}" if entry and entry.trouble else "")
        self.use_button.setToolTip("Open a recipe that starts from this model" if menu.actions() else why)
        self.verify_button.setEnabled(False)
        self.run_button.setVisible(bool(entry and entry.run))
        self.folder_button.setEnabled(bool(entry and entry.path))
        forgets = entry is not None and entry.origin == "folder"
        tip = "Forget this folder; it stays on the disk" if forgets else "Delete this model…"
        self.delete_button.setToolTip(tip)
        self.delete_button.setAccessibleName(tip)

    def _use(self, recipe: str) -> None:
        if self.entry is not None:
            self.use_wanted.emit(recipe, self.entry.address)

    def _copy(self) -> None:
        if self.entry is not None:
            QGuiApplication.clipboard().setText(self.entry.address)
            self.address.set_whole(f"{self.entry.address}  (copied)")

    def _show_folder(self) -> None:
        if self.entry is not None and self.entry.path:
            QDesktopServices.openUrl(QUrl.fromLocalFile(self.entry.path))

    def _open_run(self) -> None:
        if self.entry is not None and self.entry.run:
            self.run_opened.emit(self.entry.run)

    def _delete(self) -> None:
        if self.entry is not None:
            self.delete_wanted.emit(self.entry)


def _facts_in_short(entry: ModelEntry) -> str:
    parts = [millions(entry.parameters), size(entry.size_bytes) if entry.size_bytes else "", entry.licence]
    return " · ".join(part for part in parts if part)


def card_html(detail: ModelDetail, entry: ModelEntry) -> str:
    """The facts as a table, then the card's Markdown without any HTML of its own."""
    say = html.escape
    facts = {"Address": entry.address, "Licence": entry.licence} | detail.facts
    facts |= {"Trouble": entry.trouble} if entry.trouble else {}
    rows = "".join(
        f"<tr><td style='color:{tokens().dim}; padding-right:12px; white-space:nowrap'>{say(name)}</td>"
        f"<td>{say(value)}</td></tr>"
        for name, value in facts.items()
        if value
    )
    style = f"<style>a {{ color: {tokens().accent}; }}</style>"
    return f"{style}<table cellspacing=4>{rows}</table>" + (_from_markdown(detail.card) if detail.card else "")


def _from_markdown(text: str) -> str:
    document = QTextDocument()
    document.setMarkdown(text, QTextDocument.MarkdownFeature.MarkdownNoHTML)
    body = document.toHtml().partition("<body")[2].partition(">")[2].partition("</body>")[0]
    return body.replace("font-size:xx-large", "font-size:large").replace("font-size:x-large", "font-size:medium")
