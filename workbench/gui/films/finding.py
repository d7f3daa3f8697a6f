"""Finding videos of a folder by words: features that are computed once, questions that are answered at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from PySide6.QtCore import QObject, QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFileDialog

from workbench.core.framepipe import VideoReader, read_index
from workbench.core.problem import Problem
from workbench.core.recognising import FeaturesDone, FeaturesWish, FindWish, Found, Hit, RecogniserFacts
from workbench.core.videorecognisers import classifying
from workbench.core.words import count, spaced
from workbench.gui.actions import make_action
from workbench.gui.asking import Asking
from workbench.gui.closingwork import PageWork
from workbench.gui.films.findpanel import THUMB_PX, FindPanel
from workbench.gui.films.sources import picture_of
from workbench.gui.sounds.errand import Errand
from workbench.gui.theme import theme
from workbench.runner.answering import Stopped
from workbench.runner.recognising import featured
from workbench.store.videorecognisers import recognisers

if TYPE_CHECKING:
    from workbench.gui.films.page import FilmsPage

TYPED_MS = 300
MOST_THUMBS = 24
Tell = Callable[[Callable[[], object]], None]


class Finding(QObject):
    """The page's folder, its features, and what is found in it."""

    remembered = Signal()

    def __init__(self, page: FilmsPage) -> None:
        super().__init__(page)
        self.page, self._link = page, page.link
        self.folder, self.chosen = "", ""
        self._go: tuple[str, float] | None = None
        self.panel = FindPanel()
        self.panel.hide()
        self.asking = Asking(page.link, self, failed=page.failed_with)
        self.searching = Asking(page.link, self, failed=page.failed_with)
        self.errand = Errand(page.link, self, "features of a folder")
        self.thumbs = Errand(page.link, self, "thumbnails of what was found")
        doing: dict[str, Callable[[], object]] = {
            "find": self.toggle, "find-index": self.index, "find-stop": self.stop,
        }  # fmt: skip
        self.acts = {name: make_action(page, f"films.{name}", do, checkable=name == "find")
                     for name, do in doing.items()}  # fmt: skip
        self._typed = QTimer(self)
        self._typed.setSingleShot(True)
        self._typed.setInterval(TYPED_MS)
        self._typed.timeout.connect(self.find)
        page.top.add_rare(self.acts["find"])
        page.add_panel(self.panel)
        self._wire()
        self.follow()

    def _wire(self) -> None:
        panel = self.panel
        for name, button in panel.keyed().items():
            button.clicked.connect(self.acts[name].trigger)
        panel.folder.clicked.connect(lambda _=False: self.ask_folder())
        panel.model.activated.connect(lambda _: self._choose())
        panel.text.textChanged.connect(lambda _: self._typed.start())
        panel.text.returnPressed.connect(self.find)
        panel.chosen.connect(self.open_hit)
        self.errand.changed.connect(self.follow)
        self.errand.failed.connect(self._failed)
        self.page.film_opened.connect(self._opened)
        self.page.viewer.scene.shown.connect(self._arrived)
        self.page.opening.indexed.connect(lambda _: self._arrived())

    # What is remembered

    def values(self) -> dict[str, Any]:
        """The folder and the model of late."""
        return {"folder": self.folder, "model": self.chosen}

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Back to what was remembered; anything else is passed by."""
        folder, model = values.get("folder", ""), values.get("model", "")
        if isinstance(folder, str) and isinstance(model, str):
            self.folder, self.chosen = folder, model
            self.follow()

    def closed(self) -> None:
        """End the work."""
        self._typed.stop()
        for errand in (self.errand, self.thumbs):
            errand.close()
        for asking in (self.asking, self.searching):
            asking.cancel()

    def works(self) -> list[PageWork]:
        """What would end with the window."""
        doing = f"Looking through {Path(self.folder).name}"
        work = PageWork(doing, "What is computed stays; it goes on from there.", self.stop, lambda: self.errand.running)
        return [work] if self.errand.running else []

    # The panel

    def toggle(self) -> None:
        """Show the panel or hide it."""
        self.panel.setVisible(self.panel.isHidden())
        if not self.panel.isHidden():
            self._look()
        self.follow()

    def _look(self) -> None:
        home, recipes = self._link.home, classifying(self.page.recipes)

        def then(found: list[RecogniserFacts]) -> None:
            box = self.panel.model
            with QSignalBlocker(box):
                box.clear()
                for one in found:
                    if not one.fixed:
                        box.addItem(one.title, one)
                at = next((at for at in range(box.count()) if box.itemData(at).path == self.chosen), 0)
                box.setCurrentIndex(at)
            self._tell_model()
            self.follow()

        self.asking.work("Looking for models", lambda: recognisers(home, recipes), then)

    @property
    def facts(self) -> RecogniserFacts | None:
        """The chosen model."""
        found = self.panel.model.currentData()
        return found if isinstance(found, RecogniserFacts) else None

    def _choose(self) -> None:
        self.chosen = self.facts.path if self.facts is not None else ""
        self._tell_model()
        self.remembered.emit()
        self.follow()

    def _tell_model(self) -> None:
        self.panel.note.setText(self.facts.note if self.facts is not None else "")
        self.panel.note.setVisible(bool(self.panel.note.text()))

    def follow(self) -> None:
        """Enable what can be done now."""
        running, panel = self.errand.running, self.panel
        can = {"find": True, "find-index": bool(self.folder) and self.facts is not None and not running,
               "find-stop": running}  # fmt: skip
        for name, able in can.items():
            self.acts[name].setEnabled(able)
        for name, button in panel.keyed().items():
            button.setEnabled(can[name])
        self.acts["find"].setChecked(not panel.isHidden())
        panel.where.set_whole(self.folder)
        panel.where.setVisible(bool(self.folder))
        panel.none.setVisible(not self.folder)
        panel.text.setEnabled(bool(self.folder) and self.facts is not None)

    def ask_folder(self) -> None:
        """Choose a folder."""
        dialog = QFileDialog(self.page, "Choose a folder of videos", self.folder)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(self.use_folder)
        dialog.finished.connect(lambda _: dialog.deleteLater())
        dialog.open()

    def use_folder(self, path: str) -> None:
        """Find in this folder from now on."""
        self.errand.stop()
        self.folder = path
        self.panel.show_hits([], Path(path))
        self.panel.show_failed([])
        self.panel.told.set_whole("")
        self.panel.say("", -1.0)
        self.remembered.emit()
        self.follow()

    # Features

    def index(self) -> None:
        """Compute the features that are not there yet."""
        facts, folder = self.facts, self.folder
        if facts is None or not folder or self.errand.running:
            return
        self.page.banner.dismiss()
        wish = FeaturesWish(folder, facts.path)
        runner = self._link.runner

        def work(stop: threading.Event, tell: Tell) -> FeaturesDone:
            def told(fraction: float, said: str) -> None:
                far = f"{100 * fraction:.0f} %, {said}" if fraction >= 0 else said
                tell(lambda: self.panel.say(far, fraction))

            return featured(runner, wish, stop, told)

        self.errand.start(work, self._indexed)
        self.panel.say("Waking the model", -1.0)

    def stop(self) -> None:
        """End the work; what was computed stays."""
        if self.errand.running:
            self.errand.stop()
            self.panel.conclude("Stopped; what was computed stays.")
            self.follow()

    def _indexed(self, done: FeaturesDone) -> None:
        made = f"{spaced(done.made)} new" if done.made else "all were there"
        self.panel.conclude(f"{count(done.ready, 'video')}, {count(done.features, 'feature')}: {made}")
        self.panel.show_failed([f"{Path(one.path).name}: {one.why}" for one in done.failed])
        self.follow()
        if self.panel.text.text().strip():
            self.find()

    def _failed(self, record: Any) -> None:
        self.panel.say("", -1.0)
        self.page.failed_with(record)

    # Finding

    def find(self) -> None:
        """Rank the folder's videos by the words."""
        facts, text = self.facts, self.panel.text.text().strip()
        self._typed.stop()
        if facts is None or not self.folder or not text:
            return
        wish = FindWish(self.folder, facts.path, text)
        self.searching.ask("Finding", "video-find", Found, self._found, **msgspec.to_builtins(wish))

    def _found(self, found: Found) -> None:
        missing = f", {found.missing} not looked through" if found.missing else ""
        told = (
            f"{count(found.videos, 'video')}, {count(found.features, 'feature')} in {found.search_ms:.1f} ms{missing}"
        )
        self.panel.told.set_whole(told if found.videos else "Nothing was looked through yet: press Look through.")
        self.panel.show_hits(found.hits, Path(self.folder))
        self._draw(found.hits[:MOST_THUMBS])

    def _draw(self, hits: Sequence[Hit]) -> None:
        ratio = self.panel.devicePixelRatioF()
        box = [round(theme().pixels(one) * ratio) for one in THUMB_PX]

        def work(stop: threading.Event, tell: Tell) -> None:
            for at, hit in enumerate(hits):
                if stop.is_set():
                    raise Stopped
                image = best_moment(hit, *box)
                if image is not None:
                    tell(lambda at=at, hit=hit, image=image: self.panel.show_thumbnail(at, hit, image))  # type: ignore[misc]

        self.thumbs.start(work, lambda _: None)

    def open_hit(self, path: str, time_s: float) -> None:
        """See a video that was found, at its best moment."""
        self._go = (path, time_s)
        if self.page.path == path and self.page.viewing:
            self._arrived()
        else:
            self.page.open_paths([path])

    def _opened(self, path: str) -> None:
        if self._go is not None and path != self._go[0]:
            self._go = None  # another film was wished meanwhile
        self._arrived()

    def _arrived(self) -> None:
        """Go to the moment, once so much of the film's index is read."""
        index, page = self.page.viewer.scene.index, self.page
        if self._go is None or index is None or self.page.viewer.path != self._go[0]:
            return
        if page.path == self._go[0] and (page.index_complete or index.duration_s > self._go[1]):
            (_, time_s), self._go = self._go, None
            page.viewer.go(index.frame_at(time_s))


def best_moment(hit: Hit, width: int, height: int) -> QImage | None:
    """The frame of a hit's best moment within a box; None where it cannot be decoded. Waits for the decoder."""
    path = Path(hit.path)
    try:
        _, index = read_index(path)
        with VideoReader(path) as reader:
            found = reader.at(index.times[index.frame_at(hit.time_s)], width=width, height=height)
    except (Problem, OSError):
        return None
    if found is None:
        return None
    image = picture_of(found).image.copy()
    image.setDevicePixelRatio(1.0)
    return image.scaled(width, height, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation)
