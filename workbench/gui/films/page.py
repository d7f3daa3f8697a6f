"""The page of videos: drop files or see a camera, play them frame by frame, take stretches and frames away.

Others add to it: `page.viewer` (see gui/films/viewer.py for what it offers), `page.add_panel(widget)` for a panel
at the right, `page.top` for buttons, `page.film_opened` for when another film is seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QListWidget, QListWidgetItem, QSplitter, QStackedWidget, QWidget

from workbench.core.problem import ProblemRecord
from workbench.core.recipe import Recipe
from workbench.core.video import VIDEO_SUFFIXES, FrameIndex
from workbench.gui.actions import make_action
from workbench.gui.asking import Asking
from workbench.gui.closingwork import PageWork
from workbench.gui.films import telling
from workbench.gui.films.beside import Beside
from workbench.gui.films.deeds import MOST_STEP, RATES, Deeds
from workbench.gui.films.finding import Finding
from workbench.gui.films.labelling import FilmLabelling
from workbench.gui.films.liveplace import LivePlace
from workbench.gui.films.opening import Opened, Opening, listed
from workbench.gui.films.recognisedspans import FilmLabels
from workbench.gui.films.recognising import Recognising
from workbench.gui.films.sources import PICTURES_PER_S
from workbench.gui.films.start import start_place
from workbench.gui.films.viewer import STEP_FRAMES, FilmViewer
from workbench.gui.link import Link
from workbench.gui.pages.frame import PageFrame
from workbench.gui.theme import theme
from workbench.gui.topline import SHORT, TabChooser, TopLine
from workbench.gui.working import WorkingLine

MOST_RECENT = 8
LIST_PX = 200
VIDEOS = f"Videos ({' '.join(f'*{one}' for one in VIDEO_SUFFIXES)})"
TITLE_PX = 220
"""So much of a file's name is read before buttons stand beside it."""


class FilmsPage(PageFrame):
    """Several files stand in a list at the left; one is seen."""

    changed = Signal()
    film_opened = Signal(str)
    """The path of the film that is seen now; empty for none."""

    def __init__(self, link: Link, chooser: TabChooser) -> None:
        self.top = TopLine(chooser)
        super().__init__("Videos", top=self.top)
        self.link = link
        self.recent: list[str] = []
        self.recipes: Mapping[str, Recipe] = {}
        """What labelled spans can train."""
        self.path = ""
        self.index_complete = False
        self._wish = ""
        self._wished_frame = 0
        self.opening = Opening(self)
        self.asking = Asking(link, self, failed=self.failed_with)
        self.start = start_place(
            files=self.ask_files, folder=self.ask_folder, camera=self.show_camera, sample=self.open_sample
        )
        self.live = LivePlace(link)
        self.viewer = FilmViewer()
        self.files = QListWidget()
        self.files.setAccessibleName("Videos")
        self.files.hide()
        self.looking = QSplitter(Qt.Orientation.Horizontal)
        self.looking.addWidget(self.files)
        self.looking.addWidget(self.viewer)
        self.looking.setStretchFactor(1, 1)
        self.looking.setSizes([theme().pixels(LIST_PX), theme().pixels(1000)])
        self.places = QStackedWidget()
        for place in (self.start, self.looking, self.live):
            self.places.addWidget(place)
        self.working = WorkingLine(self._stop_all)
        self._doing: dict[str, tuple[str, float]] = {}
        self.setAcceptDrops(True)
        self.column.addWidget(self.working)
        self._beside = QHBoxLayout()
        self._beside.setSpacing(theme().pixels(12))
        self._beside.addWidget(self.places, 1)
        self.column.addLayout(self._beside, 1)
        self.beside = Beside(self, self._beside)
        self.deeds = Deeds(self)
        self.recognising = Recognising(self)
        self.labelling = FilmLabelling(self)
        self.recognising.labelling.use(FilmLabels(self.labelling))
        self.finding = Finding(self)
        for part in (self.recognising, self.labelling, self.finding):
            self.beside.crowded_out.connect(part.follow)
        self._make_actions()
        self._wire()
        self.start.show_recent([])
        self.follow()

    def add_panel(self, panel: QWidget) -> None:
        """A panel at the right of the film, at the right of those that are there already."""
        self.beside.add(panel)

    # What is remembered

    def values(self) -> dict[str, Any]:
        """The videos of late, by path, and how far a step goes."""
        own = {"recent": self.recent, "step": self.viewer.step_frames, "rate": self.opening.pictures_per_s}
        return own | {"recognising": self.recognising.values(), "finding": self.finding.values()}

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Back to what was remembered; anything else is passed by."""
        try:
            self.recent = msgspec.convert(values.get("recent", []), list[str])
        except msgspec.ValidationError:
            return
        for part, name in ((self.recognising, "recognising"), (self.finding, "finding")):
            kept = values.get(name)
            part.set_values(kept if isinstance(kept, dict) else {})
        step = values.get("step")
        self.viewer.step_frames = step if isinstance(step, int) and 2 <= step <= MOST_STEP else STEP_FRAMES
        rate = values.get("rate")
        known = float(rate) if isinstance(rate, int | float) else 0.0
        self.opening.pictures_per_s = known if RATES[0] <= known <= RATES[1] else PICTURES_PER_S
        self.start.show_recent(self.recent)

    def closed(self) -> None:
        """Let go of what is read."""
        self._stop_all()
        self.recognising.closed()
        self.finding.closed()
        self.live.closed()
        self.viewer.clear()

    def works(self) -> list[PageWork]:
        """What would end with the window."""
        exporting = self.deeds.exporting
        writing = PageWork(exporting.doing, "The file is not written.", exporting.cancel, lambda: exporting.busy)
        return [*self.recognising.works(), *self.finding.works(), *([writing] if exporting.busy else [])]

    @property
    def viewing(self) -> bool:
        """Whether a film is seen."""
        return bool(self.path) and self.places.currentWidget() is self.looking

    # Opening

    def open_paths(self, paths: Sequence[str]) -> None:
        """List the videos of files and folders, and open the first."""
        self.asking.work("Looking for videos", lambda: listed(paths), self._list)

    def open_film(self, path: str) -> None:
        """See a film: a video file, or a folder of pictures."""
        self._leave()
        self._wish, self._wished_frame = path, 0
        self.opening.open(path)

    def open_sample(self) -> None:
        """See the sample, a file that the worker writes once."""
        self._leave()
        self.asking.ask("Making the sample video", "film-sample", str, lambda path: self.open_paths([path]))

    def show_camera(self) -> None:
        """See a camera live."""
        self._leave()
        self.viewer.player.halt()
        self.places.setCurrentWidget(self.live)
        self.live.open()
        self.follow()

    def loop_file(self) -> None:
        """Choose a video that stands in the place of a camera."""
        self._ask("Loop a video", QFileDialog.FileMode.ExistingFile, VIDEOS,
                  lambda paths: self.live.start_file(paths[0]))  # fmt: skip

    def step(self, by: int) -> None:
        """Open the next film of the list."""
        row = self.files.currentRow() + by
        if 0 <= row < self.files.count():
            self.files.setCurrentRow(row)

    def set_picture_rate(self, per_s: float) -> None:
        """Play folders of single pictures so fast from now on, the one that is seen too."""
        self.opening.pictures_per_s = per_s
        self.changed.emit()
        if self.viewing and Path(self.path).is_dir():
            self._wished_frame = self.viewer.scene.frame
            self.opening.open(self.path)

    def close_films(self) -> None:
        """Back to the start."""
        self._leave()
        self.viewer.clear()
        self.files.clear()
        self.path = ""
        self.places.setCurrentWidget(self.start)
        self.film_opened.emit("")
        self.follow()

    def ask_files(self) -> None:
        """Choose files to open."""
        self._ask("Open videos", QFileDialog.FileMode.ExistingFiles, VIDEOS, self.open_paths)

    def ask_folder(self) -> None:
        """Choose a folder to open."""
        self._ask("Open a folder of videos or pictures", QFileDialog.FileMode.Directory, "", self.open_paths)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            live = self.places.currentWidget() is self.live
            (self.live.start_file(paths[0]) if live else self.open_paths(paths))

    def _ask(
        self, title: str, mode: QFileDialog.FileMode, filters: str, then: Callable[[Sequence[str]], object]
    ) -> None:
        dialog = QFileDialog(self, title, str(Path(self.recent[0]).parent) if self.recent else "")
        dialog.setFileMode(mode)
        if filters:
            dialog.setNameFilters([filters, "All files (*)"])
        dialog.accepted.connect(lambda: then(dialog.selectedFiles()))
        dialog.finished.connect(lambda _: dialog.deleteLater())
        dialog.open()

    def _list(self, paths: Sequence[str]) -> None:
        if not paths:
            kinds = ", ".join(VIDEO_SUFFIXES[:5])
            self.failed_with(ProblemRecord("There is no video in this folder, and no picture.",
                                           expected=f"files such as {kinds}, or single pictures",
                                           fix="Choose another folder, or single files."))  # fmt: skip
            return
        self.files.blockSignals(True)
        self.files.clear()
        for path in paths:
            item = QListWidgetItem(Path(path).name)
            item.setToolTip(path)
            item.setData(Qt.ItemDataRole.UserRole, path)
            self.files.addItem(item)
        self.files.setCurrentRow(0)
        self.files.blockSignals(False)
        self.files.setVisible(len(paths) > 1)
        self.open_film(paths[0])

    def _opened(self, opened: Opened) -> None:
        self.path, self.index_complete = opened.path, opened.complete
        self.viewer.show_film(opened.path, opened.open_source, opened.facts, opened.index, opened.first)
        self.places.setCurrentWidget(self.looking)
        self.viewer.canvas.setFocus()
        if self._wished_frame:
            self.viewer.go(self._wished_frame)
            self._wished_frame = 0
        self.note(opened.facts.notes)
        if Path(opened.path).exists():  # what a camera saw is no file
            self.recent = [opened.path, *(one for one in self.recent if one != opened.path)][:MOST_RECENT]
            self.start.show_recent(self.recent)
            self.changed.emit()
        self.film_opened.emit(opened.path)
        self.follow()

    def _indexed(self, index: FrameIndex) -> None:
        self.index_complete = True
        self.viewer.grow(index)
        self.note([*(self.viewer.facts.notes if self.viewer.facts else ()), *index.notes])
        self.follow()

    def note(self, lines: Sequence[str]) -> None:
        """Say something above the film."""
        if lines:
            self.banner.show_note("\n".join(line[:1].upper() + line[1:] for line in lines))
        else:
            self.banner.dismiss()

    def failed_with(self, record: ProblemRecord) -> None:
        """Say what went wrong."""
        gone = self._wish
        if gone in self.recent and not Path(gone).exists():
            self.banner.show_problem(record, ("Remove from the list", lambda: self._forget(gone)))
        else:
            self.banner.show_problem(record)
        self.follow()

    def _forget(self, path: str) -> None:
        self.recent = [one for one in self.recent if one != path]
        self.start.show_recent(self.recent)
        self.banner.dismiss()
        self.changed.emit()

    def _leave(self) -> None:
        """Another thing is looked at now."""
        self._stop()
        self.banner.dismiss()

    def _kept(self, opened: Opened) -> None:
        """A camera was stopped: its last seconds are seen as a film."""
        self.files.clear()
        self.files.hide()
        self._opened(opened)

    def _left_live(self) -> None:
        self.places.setCurrentWidget(self.looking if self.path else self.start)
        self.follow()

    def _stop(self) -> None:
        self.opening.cancel()
        self.asking.cancel()

    def _stop_all(self) -> None:
        self._stop()
        self.deeds.exporting.cancel()

    def _tell(self, who: str, doing: str, share: float = -1.0) -> None:
        self._doing[who] = (doing, share)
        under_way = [one for one in self._doing.values() if one[0]]
        self.working.tell([one[0] for one in under_way], under_way[0][1] if len(under_way) == 1 else -1.0)

    # Building

    def _make_actions(self) -> None:
        doing = {
            "file": self.ask_files, "folder": self.ask_folder, "next": lambda: self.step(1),
            "previous": lambda: self.step(-1), "close": self.close_films, "sample": self.open_sample,
            "camera": self.show_camera,
        }  # fmt: skip
        self.acts = {name: make_action(self, f"films.{name}", do) for name, do in doing.items()}
        self.acts |= self.deeds.acts
        self.acts["facts"].setProperty(SHORT, "Facts")
        for name in ("folder", "camera", "export", "facts"):
            self.top.add(self.acts[name])
        for name in ("rate", "close"):
            self.top.add_rare(self.acts[name])
        self.top.add(self.acts["file"], primary=True)

    def _wire(self) -> None:
        self.start.recent_chosen.connect(lambda path: self.open_paths([path]))
        self.files.currentItemChanged.connect(
            lambda item, _: self.open_film(item.data(Qt.ItemDataRole.UserRole)) if item else None
        )
        self.opening.opened.connect(self._opened)
        self.opening.grown.connect(self.viewer.grow)
        self.opening.indexed.connect(self._indexed)
        self.opening.failed.connect(self.failed_with)
        self.opening.progress.connect(lambda doing, share: self._tell("opening", doing, share))
        self.deeds.exporting.progress.connect(lambda doing, share: self._tell("exporting", doing, share))
        self.asking.changed.connect(lambda doing: self._tell("asking", doing, self.asking.fraction))
        self.recognising.remembered.connect(self.changed)
        self.finding.remembered.connect(self.changed)
        self.live.left.connect(self._left_live)
        self.live.kept.connect(self._kept)
        self.live.failed.connect(self.failed_with)
        self.live.file_wanted.connect(self.loop_file)
        self.viewer.failed.connect(self.failed_with)
        self.banner.reported.connect(lambda record: self.link.report_wanted.emit(record, ""))

    def follow(self) -> None:
        """Enable what can be done now, and tell what is seen."""
        viewing, many = self.viewing, self.files.count() > 1
        for name in ("close", "next", "previous"):
            self.acts[name].setEnabled(viewing and (many if name in ("next", "previous") else True))
            self.acts[name].setVisible(viewing)
        self.acts["camera"].setVisible(self.places.currentWidget() is not self.live)
        self.deeds.follow()
        facts = self.viewer.facts
        told = f"{Path(self.path).name}   ·   {telling.line(facts)}" if viewing and facts is not None else ""
        live = self.places.currentWidget() is self.live
        self.top.tell("Camera" if live else told, least_px=TITLE_PX)
