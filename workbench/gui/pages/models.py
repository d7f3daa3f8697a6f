"""The models page: what a recipe can start from, and what its runs have made, in one list."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLineEdit, QPushButton, QSplitter, QVBoxLayout, QWidget

from workbench.core.events import WorkerState
from workbench.core.problem import InputError, ProblemRecord
from workbench.core.recipe import Recipe
from workbench.core.words import count, size
from workbench.gui.card import Card
from workbench.gui.downloadcard import DownloadCard
from workbench.gui.downloads import Downloads
from workbench.gui.fields import choose_path
from workbench.gui.link import Link
from workbench.gui.modeldetail import ModelDetailCard
from workbench.gui.modeldialogs import DiskDialog, DownloadDialog, ask_deleting
from workbench.gui.modellist import ModelEntry, ModelList, of_backbones, of_facts
from workbench.gui.pages.frame import PageFrame
from workbench.gui.taborder import down_into
from workbench.gui.theme import theme
from workbench.store.home import Home
from workbench.store.hub import folder_of, partial_of
from workbench.store.models import ModelFacts, remove_model, trained_models
from workbench.store.remembered import forget, remember

NO_NETWORK = (
    "The network is switched off (setting “offline”), so nothing can be downloaded. "
    "Switch it off in Settings, or add a folder."
)
LIST_SHARE = (11, 9)


class ModelsPage(PageFrame):
    """Pretrained models come from the worker, trained ones from the runs' folders; both are one list."""

    run_opened = Signal(str)
    use_wanted = Signal(str, str)
    """A recipe's id and the address of the model that it shall start from."""
    catalogue_changed = Signal(object)
    """The worker's BackboneInfo records, for every chooser of a backbone."""

    def __init__(self, link: Link, recipes: Mapping[str, Recipe]) -> None:
        super().__init__("Models")
        self.link, self.recipes = link, recipes
        self._backbones: list[dict[str, Any]] = []
        self._facts: list[ModelFacts] = []
        self._asking = self._answered = False
        self._wanted = ""
        self.list, self.detail = ModelList(), ModelDetailCard(link, recipes)
        self.downloads = Downloads(link, self)
        self.filter = QLineEdit()
        self.take_drops(self._dropped)
        self._found = Card("All models", "asking the worker…")
        self._lay_out()
        self._make_actions()
        self._wire()
        down_into(self.filter, self.list)
        self._heed_settings()

    def opened(self) -> None:
        self.refresh()
        self.downloads.start()

    def closed(self) -> None:
        """The window goes: downloads are continued after the next start."""
        self.downloads.close()

    def refresh(self) -> None:
        """Read folders and ask the worker again."""
        home = self.link.home
        self.link.background(lambda: list(trained_models(home)), then=self._take_facts, owner=self)
        self._answered = False
        self._ask()

    def add_folder(self, path: str) -> None:
        """Let the worker examine a folder; remember it when it can be loaded safely."""
        self.banner.dismiss()
        self.about.set_whole(f"Examining {path} …")
        asked = self.link.runner.inspect("backbone", address=path)
        self.link.deliver(asked, then=lambda _: self._remember(path), failed=self._refused, owner=self)

    def choose_folder(self) -> None:
        """Ask for a folder in Hugging Face format."""
        dialog = choose_path(self, "Choose a model folder (config.json, safetensors, tokenizer)", folder=True)
        dialog.fileSelected.connect(self.add_folder)
        dialog.open()

    def open_downloads(self) -> DownloadDialog:
        """Ask which model to download."""
        dialog = DownloadDialog(self, self.downloads)
        dialog.open()
        return dialog

    def open_disk_use(self) -> DiskDialog:
        """Show what takes room."""
        dialog = DiskDialog(self, self.link, busy=self._busy)
        dialog.freed.connect(lambda _: self.refresh())
        dialog.open()
        return dialog

    def _dropped(self, paths: list[str]) -> None:
        folder = Path(paths[0])
        self.add_folder(str(folder.parent if folder.is_file() else folder))

    # What is there

    def _ask(self) -> None:
        if self._asking or self._answered or not self.link.state.pid:
            return
        self._asking = True
        asked = self.link.runner.inspect("backbones")
        self.link.deliver(asked, then=self._take_backbones, failed=self._no_backbones, owner=self)

    def _worker_changed(self, _: WorkerState) -> None:
        if self.isVisible():
            self._ask()

    def _no_backbones(self, record: ProblemRecord) -> None:
        self._asking = False
        self.banner.show_problem(record)
        self._show()

    def _take_backbones(self, raw: Any) -> None:
        self._asking, self._answered = False, True
        self._backbones = msgspec.json.decode(raw)
        self._show()
        self.catalogue_changed.emit(self._backbones)

    def _take_facts(self, facts: list[ModelFacts]) -> None:
        self._facts = facts
        self._show()

    def _show(self) -> None:
        backbones = of_backbones(self._backbones, self.link.home, self.recipes)
        known = {one.path for one in backbones if one.path}
        others = of_facts(one for one in self._facts if one.path not in known)
        self.list.set_entries([*backbones, *others])
        if self._wanted and self.list.choose(self._wanted):
            self._wanted = ""
        elif self.list.chosen_entry() is None and self._answered and self.list.shown():
            self.list.choose(self.list.shown()[0])
        self._tell()

    def _tell(self) -> None:
        entries = self.list.entries.values()
        shown = len(self.list.shown())
        whole = f"{count(len(entries), 'model')} · {size(sum(one.size_bytes for one in entries))}"
        waiting = " · asking the worker…" if not self._answered and not self.banner.isVisible() else ""
        some = f"{shown} of " if shown < len(entries) else ""
        nothing = f"none has “{self.filter.text().strip()}” in it · " if entries and not shown else ""
        self._found.set_caption(f"{nothing}{some}{whole}{waiting}")

    # What is done

    def _remember(self, path: str) -> None:
        home = self.link.home
        self.link.background(lambda: remember(home, Path(path)), then=self._added, failed=self._refused, owner=self)

    def _added(self, address: str) -> None:
        self.about.set_whole("")
        self._wanted = address
        self.refresh()

    def _refused(self, record: ProblemRecord) -> None:
        self.about.set_whole("")
        self.banner.show_problem(record)

    def _arrived(self, address: str) -> None:
        self._wanted = address
        self.refresh()
        self.banner.show_note(f"{address} has arrived and can be chosen in every recipe.")

    def _delete(self, entry: ModelEntry) -> None:
        why = _why_kept(entry)
        if why is not None:
            self.banner.show_problem(why.record())
            return
        ask_deleting(self, entry, lambda: self._deleted(entry))

    def _deleted(self, entry: ModelEntry) -> None:
        home = self.link.home
        work = lambda: forget(home, entry.address) if entry.origin == "folder" else _removed(home, entry)  # noqa: E731
        self.link.background(work, then=lambda _: self.refresh(), failed=self.banner.show_problem, owner=self)

    def _busy(self) -> list[str]:
        home = self.link.home
        some = [one.model for one in self.downloads.items]
        return [str(place) for one in some for place in (partial_of(home, one), folder_of(home, one))]

    def _heed_settings(self) -> None:
        offline = bool(self.link.settings.offline)
        self.download_button.setEnabled(not offline)
        self._download_action.setEnabled(not offline)
        self.download_button.setText("Download (offline)" if offline else "Download…")
        tip = NO_NETWORK if offline else "Fetch a model from the hub; its licence is shown first"
        self.download_button.setToolTip(tip)
        self.download_button.setAccessibleDescription(tip)

    def _filter(self, text: str) -> None:
        self.list.set_filter(text)
        self._tell()

    # Building

    def _lay_out(self) -> None:
        px = theme().pixels
        self.filter.setPlaceholderText("Filter: name, architecture, licence, recipe …")
        self.filter.setAccessibleName("Filter models")
        self.filter.setToolTip("Only models with this text in some column (Ctrl+F)")
        self.filter.setClearButtonEnabled(True)
        self.group = QCheckBox("Group by origin")
        self.group.setChecked(True)
        self.add_button = _button("Add folder…", "Offer a folder of this machine in every recipe", self.choose_folder)
        self.download_button = _button("Download…", "", self.open_downloads)
        self.disk_button = _button("Disk use…", "What takes room, and what may go", self.open_disk_use)
        for button in (self.add_button, self.download_button, self.disk_button):
            self.controls.addWidget(button)
        above = QHBoxLayout()
        above.setSpacing(px(12))
        above.addWidget(self.filter, 1)
        above.addWidget(self.group)
        left, body = QWidget(), QWidget()
        inner = QVBoxLayout(body)
        inner.setContentsMargins(px(12), px(4), px(12), 0)
        inner.setSpacing(px(8))
        inner.addLayout(above)
        inner.addWidget(self.list, 1)
        self._found.set_body(body, margin=0)
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(px(8))
        column.addWidget(self._found, 1)
        column.addWidget(DownloadCard(self.downloads))
        self.split = QSplitter(Qt.Orientation.Horizontal)
        self.split.setChildrenCollapsible(False)
        self.split.addWidget(left)
        self.split.addWidget(self.detail)
        for place, share in enumerate(LIST_SHARE):
            self.split.setStretchFactor(place, share)
        self.split.setSizes([100 * share for share in LIST_SHARE])
        self.column.addWidget(self.split, 1)

    def _make_actions(self) -> None:
        """What the command palette lists of this page."""
        search = QAction("Filter the models", self)
        search.setShortcut(QKeySequence(QKeySequence.StandardKey.Find))
        search.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        search.triggered.connect(lambda: self.filter.setFocus(Qt.FocusReason.ShortcutFocusReason))
        self.addAction(search)
        deeds = {"Add a model folder…": self.choose_folder, "Disk use of models and caches…": self.open_disk_use,
                 "Verify the chosen model's files": self.detail.verify}  # fmt: skip
        for text, act in deeds.items():
            action = QAction(text, self)
            action.triggered.connect(lambda _=False, act=act: act())
            self.addAction(action)
        self._download_action = QAction("Download a model from the hub…", self)
        self._download_action.triggered.connect(self.open_downloads)
        self.addAction(self._download_action)

    def _wire(self) -> None:
        self.filter.textChanged.connect(self._filter)
        self.group.toggled.connect(self.list.set_grouped)
        self.list.chosen.connect(self._chosen)
        self.list.opened.connect(lambda one: self.run_opened.emit(one.run) if one.run else None)
        self.detail.run_opened.connect(self.run_opened)
        self.detail.use_wanted.connect(self.use_wanted)
        self.detail.delete_wanted.connect(self._delete)
        self.downloads.arrived.connect(self._arrived)
        self.downloads.failed.connect(self.banner.show_problem)
        self.link.worker_changed.connect(self._worker_changed)
        self.link.settings_changed.connect(lambda _: self._heed_settings())

    def _chosen(self, entry: ModelEntry | None) -> None:
        if entry != self.detail.entry:
            self.detail.show_entry(entry)


def _removed(home: Home, entry: ModelEntry) -> int:
    return remove_model(home, Path(entry.path))


def _why_kept(entry: ModelEntry) -> InputError | None:
    """Why a model is not deleted here; None where it may be."""
    fixes = {
        "package": f"Uninstall it with 'pip uninstall {entry.title}'.",
        "starter": "It comes with the program, and recipes start from it.",
        "trained": "It goes with its run: delete that on the Runs page.",
    }
    if entry.origin not in fixes:
        return None
    return InputError(
        f"{entry.title} is not deleted here.", expected="a download, a copy in the home or a folder that was added",
        received=entry.came_from or entry.address, fix=fixes[entry.origin],
    )  # fmt: skip


def _button(text: str, tip: str, act: Any) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    button.clicked.connect(lambda _=False: act())
    return button
