"""The page of videos: drop files or see a camera, play them frame by frame, take stretches and frames away.

Others add to it: `page.viewer` (see gui/films/viewer.py for what it offers), `page.add_panel(widget)` for a panel
at the right, `page.top` for buttons, `page.film_opened` for when another film is seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QWidget

from workbench.core.problem import ProblemRecord
from workbench.core.recipe import Recipe
from workbench.core.video import VIDEO_SUFFIXES, FrameIndex
from workbench.gui.actions import make_action
from workbench.gui.asking import Asking
from workbench.gui.beside import Beside
from workbench.gui.closingwork import PageWork
from workbench.gui.filespage import TITLE_PX, FilesPage
from workbench.gui.films import telling
from workbench.gui.films.copying import Copying
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
from workbench.gui.theme import theme
from workbench.gui.topline import SHORT, TabChooser
from workbench.gui.working import WorkingLine

LEAST_PX = 320
"""The film gets no narrower for a panel."""

COPIED = (
    "Small pictures are made of frames that lie far from their key frames, while nothing else is done: each frame is "
    "then seen at once, and as it is a moment later. Settings, Videos: 0 GB makes none."
)
VIDEOS = f"Videos ({' '.join(f'*{one}' for one in VIDEO_SUFFIXES)})"


class FilmsPage(FilesPage):
    """Several files stand in a list at the left; one is seen."""

    film_opened = Signal(str)
    """The path of the film that is seen now; empty for none."""

    def __init__(self, link: Link, chooser: TabChooser) -> None:
        super().__init__(link, chooser, "Videos")
        self.recipes: Mapping[str, Recipe] = {}
        """What labelled spans can train."""
        self.index_complete = False
        self._wished_frame = 0
        self.opening = Opening(self)
        self.asking = Asking(link, self, failed=self.failed_with)
        self.start = start_place(
            files=self.ask_files, folder=self.ask_folder, camera=self.show_camera, sample=self.open_sample
        )
        self.live = LivePlace(link)
        self.viewer = FilmViewer()
        self.place(self.viewer, self.live)
        self.working = WorkingLine(self._stop_all)
        self._doing: dict[str, tuple[str, float]] = {}
        self.column.addWidget(self.working)
        self._beside = QHBoxLayout()
        self._beside.setSpacing(theme().pixels(12))
        self._beside.addWidget(self.places, 1)
        self.column.addLayout(self._beside, 1)
        self.beside = Beside(self, self._beside, LEAST_PX)
        self.copying = Copying(self)
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
        if not self.take_recent(values):
            return
        for part, name in ((self.recognising, "recognising"), (self.finding, "finding")):
            kept = values.get(name)
            part.set_values(kept if isinstance(kept, dict) else {})
        step = values.get("step")
        self.viewer.step_frames = step if isinstance(step, int) and 2 <= step <= MOST_STEP else STEP_FRAMES
        rate = values.get("rate")
        known = float(rate) if isinstance(rate, int | float) else 0.0
        self.opening.pictures_per_s = known if RATES[0] <= known <= RATES[1] else PICTURES_PER_S

    def closed(self) -> None:
        """Let go of what is read."""
        self._stop_all()
        self.copying.closed()
        self.deeds.closed()
        self.recognising.closed()
        self.finding.closed()
        self.live.closed()
        self.viewer.clear()

    def works(self) -> list[PageWork]:
        """What would end with the window."""
        exporting = self.deeds.exporting
        writing = PageWork(exporting.doing, "The file is not written.", exporting.cancel, lambda: exporting.busy)
        return [*self.recognising.works(), *self.finding.works(), *([writing] if exporting.busy else [])]

    # Opening

    def open_paths(self, paths: Sequence[str]) -> None:
        """List the videos of files and folders, and open the first."""
        self.asking.work("Looking for videos", lambda: listed(paths), self._list)

    def open_film(self, path: str) -> None:
        """See a film: a video file, or a folder of pictures."""
        self._leave()
        self.wish, self._wished_frame = path, 0
        self.opening.open(path)

    def open_listed(self, path: str) -> None:
        self.open_film(path)

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
        self.ask(
            "Loop a video", QFileDialog.FileMode.ExistingFile, lambda paths: self.live.start_file(paths[0]), VIDEOS
        )

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
        self.ask("Open videos", QFileDialog.FileMode.ExistingFiles, self.open_paths, VIDEOS)

    def ask_folder(self) -> None:
        """Choose a folder to open."""
        self.ask("Open a folder of videos or pictures", QFileDialog.FileMode.Directory, self.open_paths)

    def dropped(self, paths: list[str]) -> None:
        if self.places.currentWidget() is self.live:
            self.live.start_file(paths[0])
        else:
            self.open_paths(paths)

    def _list(self, paths: Sequence[str]) -> None:
        if not paths:
            kinds = ", ".join(VIDEO_SUFFIXES[:5])
            self.failed_with(ProblemRecord("There is no video in this folder, and no picture.",
                                           expected=f"files such as {kinds}, or single pictures",
                                           fix="Choose another folder, or single files."))  # fmt: skip
            return
        self.list_files(paths)

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
            self.remember(opened.path)
        self.film_opened.emit(opened.path)
        self.follow()

    def _indexed(self, index: FrameIndex) -> None:
        self.index_complete = True
        self.viewer.grow(index)
        self.note([*(self.viewer.facts.notes if self.viewer.facts else ()), *index.notes])
        self.follow()

    def _leave(self) -> None:
        """Another thing is looked at now."""
        self._stop()
        self.banner.dismiss()

    def _kept(self, opened: Opened) -> None:
        """A camera was stopped: its last seconds are seen as a film."""
        self.files.clear()
        self.files.hide()
        self._opened(opened)

    def _stop(self) -> None:
        self.opening.cancel()
        self.asking.cancel()

    def _stop_all(self) -> None:
        self._stop()
        self.deeds.cancel()

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
        self.opening.opened.connect(self._opened)
        self.opening.grown.connect(self.viewer.grow)
        self.opening.indexed.connect(self._indexed)
        self.opening.failed.connect(self.failed_with)
        self.opening.progress.connect(lambda doing, share: self._tell("opening", doing, share))
        for name, writing in (("exporting", self.deeds.exporting), ("taking", self.deeds.taking)):
            writing.progress.connect(lambda doing, share, name=name: self._tell(name, doing, share))
        self.asking.changed.connect(lambda doing: self._tell("asking", doing, self.asking.fraction))
        self.recognising.remembered.connect(self.changed)
        self.finding.remembered.connect(self.changed)
        self.live.left.connect(self.left_place)
        self.live.kept.connect(self._kept)
        self.live.failed.connect(self.failed_with)
        self.live.file_wanted.connect(self.loop_file)
        self.viewer.failed.connect(self.failed_with)
        self.viewer.thumbnails.faltered.connect(self._faltered)
        self.copying.changed.connect(self._tell_copy)

    def follow(self) -> None:
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

    def _tell_copy(self) -> None:
        """How the film's small copy grows, where that is looked for."""
        self.viewer.tell_aside(self.copying.short, COPIED)
        self.deeds.follow()

    def _faltered(self, text: str, record: ProblemRecord | None) -> None:
        """The small pictures' decoder ended; what the film's own says of the same file goes before it."""
        if self.banner.record is not None:
            return
        if record is not None:
            self.failed_with(record)
        else:
            self.banner.show_note(text)
