"""The models page: what a recipe can start from, and what its runs have made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSplitter

from workbench.core.events import WorkerState
from workbench.gui.card import Card
from workbench.gui.link import Link
from workbench.gui.pages.frame import PageFrame
from workbench.gui.sheet import Sheet
from workbench.gui.words import moment, number, size
from workbench.store.index import Index, RunRow

CATALOGUE = ("name", "architecture", "parameters", "size", "licence", "address", "trouble")
TRAINED = ("run", "recipe", "result", "made", "model")


class ModelsPage(PageFrame):
    """Pretrained models come from the worker, trained ones from the runs' folders."""

    run_opened = Signal(str)

    def __init__(self, link: Link) -> None:
        super().__init__("Models")
        self.link = link
        self._asked = False
        self.catalogue = Sheet(CATALOGUE, numbers=("parameters", "size"))
        self.trained = Sheet(TRAINED)
        self.trained.opened.connect(self.run_opened)
        self._found = Card("Pretrained", "asking the worker…")
        self._found.set_body(self.catalogue, margin=4)
        self._made = Card("Trained here")
        self._made.set_body(self.trained, margin=4)
        split = QSplitter(Qt.Orientation.Vertical)
        split.setChildrenCollapsible(False)
        split.addWidget(self._found)
        split.addWidget(self._made)
        self.column.addWidget(split, 1)
        self._add_buttons(self._made.header)
        link.worker_changed.connect(self._worker_changed)

    def opened(self) -> None:
        home = self.link.home
        self.link.background(lambda: _with_models(home.index, home.runs), then=self._show_trained, owner=self)
        self._ask()

    def _ask(self) -> None:
        if self._asked or not self.link.state.pid:
            return
        self._asked = True
        asked = self.link.runner.inspect("backbones")
        self.link.deliver(asked, then=self._show_catalogue, failed=self._no_catalogue, owner=self)

    def _worker_changed(self, _: WorkerState) -> None:
        if self.isVisible():
            self._ask()

    def _no_catalogue(self, record: Any) -> None:
        self._asked = False
        self._found.set_caption("")
        self.banner.show_problem(record)

    def _show_catalogue(self, raw: Any) -> None:
        import msgspec

        found = msgspec.json.decode(raw)
        self.catalogue.set_rows([_catalogue_row(one) for one in found], keys=[one["address"] for one in found])
        self._found.set_caption(f"{len(found)}")

    def _show_trained(self, rows: list[RunRow]) -> None:
        runs = self.link.home.runs
        self.trained.set_rows([_trained_row(row, runs) for row in rows], keys=[row.id for row in rows])
        self._made.set_caption(f"{len(rows)}" if rows else "runs that end, or are stopped and kept, leave a model here")

    def _add_buttons(self, header: QHBoxLayout) -> None:
        show = QPushButton("Show folder")
        show.setToolTip("Open the chosen model's folder in the file manager")
        show.clicked.connect(self._show_folder)
        look = QPushButton("Open run")
        look.setToolTip("Show the run that made the chosen model, with its try-it box")
        look.clicked.connect(self.trained.open_chosen)
        for button in (show, look):
            button.setEnabled(False)
            header.addWidget(button)
            self.trained.chosen.connect(lambda key, button=button: button.setEnabled(bool(key)))

    def _show_folder(self) -> None:
        run = self.trained.chosen_key()
        if run:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.link.home.runs / run / "model")))


def _with_models(index: Path, runs: Path) -> list[RunRow]:
    return [row for row in Index(index, runs).refresh() if (runs / row.id / "model" / "workbench.json").exists()]


def _trained_row(row: RunRow, runs: Path) -> list[str]:
    best = next(iter(row.state.results.items()), None)
    result = f"{best[0]} {number(best[1], 4)}" if best else ""
    made = moment(row.state.ended_at or row.config.created)
    return [row.id, row.config.recipe, result, made, str(runs / row.id / "model")]


def _catalogue_row(one: dict[str, Any]) -> list[str]:
    parameters = one.get("parameters") or 0
    return [
        str(one.get("title") or one["address"]),
        str(one.get("architecture", "")),
        f"{parameters / 1e6:.1f} M" if parameters else "",
        size(one["size_bytes"]) if one.get("size_bytes") else "",
        str(one.get("licence", "")),
        str(one["address"]),
        str(one.get("problem", "")),
    ]
