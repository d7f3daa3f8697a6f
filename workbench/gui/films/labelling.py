"""Labelling on the page of videos: the strip of spans, the panel, number keys, files in and out, and autosaving."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtWidgets import QMenu

from workbench.core.audio import TiersDoc
from workbench.core.problem import ProblemRecord
from workbench.gui.actions import make_action
from workbench.gui.autosave import Autosave
from workbench.gui.films import spanedits
from workbench.gui.films.labelexchange import LabelExchange, name_of
from workbench.gui.films.spanedits import Label
from workbench.gui.films.spanpanel import SpanPanel
from workbench.gui.films.spanstrip import SpanStrip
from workbench.gui.labelledits import write_whole
from workbench.gui.sounds import tieredits
from workbench.gui.topline import SHORT

if TYPE_CHECKING:
    from workbench.gui.films.page import FilmsPage

__all__ = ["FilmLabelling", "name_of"]
NUDGE_MANY = 10


class FilmLabelling(QObject):
    """The spans of the film that is seen; other videos' spans lie on disk, by what the videos hold."""

    def __init__(self, page: FilmsPage) -> None:
        super().__init__(page)
        self.page, self.link, self.viewer = page, page.link, page.viewer
        self.place: Path | None = None
        """Where the spans of the film that is seen are kept; None where they cannot be, or are not read yet."""
        self.last = ""
        """The label that was given last."""
        self._comes_back = False
        """Whether the panel stood beside the film when a camera took its place."""
        self.number = 0
        self._restored_now = False
        self._trouble: ProblemRecord | None = None
        self._known = ("", 0)
        """The film that the spans are of, and how many frames of it are known."""
        self._begun_s: dict[str, float] = {}
        """When the frame ends with which a label's span began."""
        self._here_s = (0.0, 0.0)
        """When the frame on screen begins and ends; of the film before, while another one comes."""
        self._words = self.link.home.edits / "films" / "vocabulary.json"
        self.strip = SpanStrip(self.viewer.scene)
        self.panel = SpanPanel(self.strip)
        self.exchange = LabelExchange(self)
        self.autosave = Autosave(self.link, self._taken, self)
        self._keeping = Autosave(self.link, self._taken_words, self)
        self._make_actions()
        self.viewer.add_strip(self.strip)
        page.add_panel(self.panel)
        self.panel.hide()
        self._wire()
        self._show_vocabulary(_kept_words(self._words))
        self.follow()

    # The film

    def _shown(self) -> None:
        """The scene has another film by now, or more of the same."""
        known, now = self._known, (self.viewer.path, self.viewer.scene.frames)
        self._known = now
        if known[0] != now[0] or (self.viewer.scene.frame == 0 and now[1] <= known[1]):
            self._leave()
        self.follow()

    def _moved(self) -> None:
        scene = self.viewer.scene
        if self.strip.open and scene.frames and self._known == (self.viewer.path, scene.frames):
            self._here_s = scene.time_s, scene.end_s(scene.frame)

    def _leave(self) -> None:
        """Nothing that was begun is lost with the film, and all is on disk."""
        for label, start_s in list(self.strip.open.items()):
            del self.strip.open[label]
            self.strip.put(label, min(start_s, self._here_s[0]), max(self._begun_s[label], self._here_s[1]), long=True)
        self._keeping.flush()
        self.autosave.flush()
        self.autosave.forget()

    def _opened(self) -> None:
        """Another film is seen, or none: look for its spans."""
        self._leave()
        self.number += 1
        self.place, self._restored_now, self._trouble = None, False, None
        self.strip.show_spans(TiersDoc())
        self.strip.setEnabled(False)
        number, path, edits = self.number, self.viewer.path, self.link.home.edits
        self.follow()
        if not path:
            return

        def read() -> tuple[Path | None, TiersDoc | None]:
            with contextlib.suppress(OSError):
                place = spanedits.kept_path(edits, name_of(Path(path)))
                return place, tieredits.kept(place)
            return None, None  # what a camera saw is no file

        def then(found: tuple[Path | None, TiersDoc | None]) -> None:
            if number == self.number:
                self._restored(*found)

        def failed(record: ProblemRecord) -> None:
            if number == self.number:
                self._trouble = record
                self._tell_trouble()

        self.link.background(read, then=then, failed=failed, owner=self)

    def _tell_trouble(self) -> None:
        """Once the page has said what it found in the file, for that takes the place of what was said before."""
        if self._trouble is not None and self.page.index_complete:
            trouble, self._trouble = self._trouble, None
            self.page.failed_with(trouble)

    def _restored(self, place: Path | None, doc: TiersDoc | None) -> None:
        self.place = place
        self.strip.setEnabled(True)
        if doc is not None:
            self.strip.show_spans(doc)
            for tier in doc.tiers:
                self.learn(tier.name)
            if any(tier.segments for tier in doc.tiers):
                self.panel.show()
                self._restored_now = True
        self.panel.refresh()
        self._tell_open()
        self.follow()

    @property
    def ready(self) -> bool:
        """Whether spans can be edited now."""
        return bool(self.viewer.path) and self.viewer.scene.frames > 0 and self.strip.isEnabled()

    def _taken(self) -> Callable[[], object]:
        place, doc = self.place, msgspec.convert(msgspec.to_builtins(self.strip.doc), TiersDoc)
        if place is None:
            return lambda: None
        return tieredits.keeping(place, doc, self.page.set_aside.emit)

    def _edited(self) -> None:
        for tier in self.strip.doc.tiers:  # a label that was removed comes back with its spans
            self.learn(tier.name)
        if self.place is not None:
            self.autosave.touch()
        elif self.viewer.path:
            self.panel.saved.set_whole("Not autosaved: this is no file. Save the labels as a file.")
        self.follow()

    # Labelling

    def press(self, label: str) -> None:
        """A label's key: end its span if one is under way; else label the stretch, or begin a span at this frame."""
        if not self.ready:
            return
        self.last, scene = label, self.viewer.scene
        if label in self.strip.open:
            self.end(label)
        elif scene.selection_s is not None and not self.viewer.player.playing:
            self.strip.put(label, *scene.selection_s)
        else:
            self.strip.begin(label)
            # Played backwards, the frame it began with is its last one.
            self._begun_s[label] = scene.end_s(scene.frame)
            self._moved()
        self._tell_open()

    def end(self, label: str) -> None:
        """The span under way ends with the frame on screen."""
        start_s, scene = self.strip.open.pop(label), self.viewer.scene
        end_s = max(self._begun_s[label], scene.end_s(scene.frame))
        self.strip.put(label, min(start_s, scene.time_s), end_s)

    def _again(self) -> None:
        if self.last:
            self.press(self.last)
        elif self.strip.vocabulary:
            self.press(self.strip.vocabulary[0].name)

    def _ask_label(self) -> None:
        """Offer the labels for the marked span."""
        menu = QMenu(self.viewer)
        for one in self.strip.vocabulary:
            action = menu.addAction(one.name.replace("&", "&&"))
            action.triggered.connect(lambda _=False, name=one.name: self.strip.relabel(name))
        menu.aboutToHide.connect(menu.deleteLater)
        span = self.strip.span()
        if span is not None:
            corner = self.strip.box(self.strip.track, span).bottomLeft().toPoint()
            menu.popup(self.strip.mapToGlobal(corner))

    def _tell_open(self) -> None:
        open_now = ", ".join(self.strip.open)
        words = self.autosave.words() or ("your labels of last time" if self._restored_now else "")
        self.panel.saved.set_whole(f"Labelling {open_now} …" if open_now else words)
        self.strip.update()

    def _loop(self) -> None:
        one = self.strip.span()
        if one is None or one.end_s <= one.start_s:
            return
        self.strip.mark(self.strip.track, self.strip.marked)
        self.viewer.acts["loop"].setChecked(True)
        self.viewer.player.set_loop(True)
        if not self.viewer.player.playing:
            self.viewer.player.play(abs(self.viewer.player.speed))

    # The vocabulary

    def learn(self, name: str) -> None:
        """A label is in the vocabulary from now on."""
        self._show_vocabulary(spanedits.with_label(self.strip.vocabulary, name), keep=True)

    def _make_label(self, name: str) -> None:
        self.learn(name)
        self.last = name

    def _key(self, name: str, number: int) -> None:
        self.learn(name)
        self._show_vocabulary(spanedits.keyed(self.strip.vocabulary, name, number), keep=True)

    def _remove_label(self, name: str) -> None:
        self.strip.open.pop(name, None)
        while any(tier.name == name for tier in self.strip.doc.tiers):
            self.strip.remove_track(name)
        self._show_vocabulary([one for one in self.strip.vocabulary if one.name != name], keep=True)

    def _show_vocabulary(self, vocabulary: list[Label], *, keep: bool = False) -> None:
        changed = vocabulary != self.strip.vocabulary
        self.strip.show_vocabulary(vocabulary)
        self.panel.refresh()
        if changed and keep:
            self._keeping.touch()

    def _taken_words(self) -> Callable[[], object]:
        raw = msgspec.json.encode(self.strip.vocabulary)
        return lambda: write_whole(self._words, raw)

    # Building

    def _make_actions(self) -> None:
        strip = self.strip
        inner: dict[str, Callable[[], object]] = {
            "last": self._again, "label": self._ask_label, "split": strip.split, "join": strip.join,
            "delete": strip.delete,
            "next": lambda: strip.step(1), "previous": lambda: strip.step(-1), "loop": self._loop,
            "earlier": lambda: strip.nudge(-1), "later": lambda: strip.nudge(1),
            "earlier-ten": lambda: strip.nudge(-NUDGE_MANY), "later-ten": lambda: strip.nudge(NUDGE_MANY),
            "back": lambda: strip.shift(-1), "on": lambda: strip.shift(1),
        }  # fmt: skip
        self.acts = {name: make_action(self.viewer, f"view.film.span-{name}", do) for name, do in inner.items()}
        self.undo, self.redo = strip.document.actions(self.viewer, ("view.film.undo", "view.film.redo"))
        self.toggle = make_action(self.page, "films.labels", self._toggle, checkable=True)
        self.toggle.setProperty(SHORT, "Labels")
        given = self.exchange
        files = {"open": given.ask_open, "save": given.ask_save, "clips": given.ask_clips}
        self.files = {name: make_action(self.page, f"films.labels-{name}", do) for name, do in files.items()}
        self.page.top.add(self.toggle)
        for action in self.files.values():
            self.page.top.add_rare(action)
        self.menu = QMenu(self.strip)
        self.menu.addActions([*self.acts.values(), self.undo, self.redo])
        self.strip.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.strip.customContextMenuRequested.connect(lambda at: self.menu.popup(self.strip.mapToGlobal(at)))
        self.viewer.menu.addSeparator()
        self.viewer.menu.addActions(self.menu.actions())

    def _toggle(self) -> None:
        self.panel.setVisible(self.toggle.isChecked())
        if self.toggle.isChecked() and not self.strip.vocabulary:
            self.panel.new.setFocus()

    def _wire(self) -> None:
        panel, strip = self.panel, self.strip
        for owner in (self.viewer, panel):
            panel.keys.bind(owner)
        panel.keys.pressed.connect(self.press)
        panel.label_made.connect(self._make_label)
        panel.key_chosen.connect(self._key)
        panel.label_removed.connect(self._remove_label)
        for button, name in ((panel.open, "open"), (panel.save, "save"), (panel.clips, "clips")):
            button.clicked.connect(self.files[name].trigger)
        strip.edited.connect(self._edited)
        strip.marked_changed.connect(self.follow)
        strip.looped.connect(self._loop)
        strip.resized.connect(self.viewer.fit_strips)
        self.autosave.told.connect(lambda _: self._tell_open())
        self.viewer.opened.connect(self._opened)
        self.page.opening.indexed.connect(lambda _: QTimer.singleShot(0, self, self._tell_trouble))
        self.viewer.scene.shown.connect(self._shown)
        self.viewer.scene.moved.connect(self._moved)
        self.page.places.currentChanged.connect(lambda _: self._another_place())

    def _another_place(self) -> None:
        """A camera has no labels: the panel goes, and comes back with the film."""
        if self.page.viewing:
            self.panel.setVisible(self._comes_back or not self.panel.isHidden())
            self._comes_back = False
        elif self.page.places.currentWidget() is self.page.live and not self.panel.isHidden():
            self._comes_back = True
            self.panel.hide()
        self.follow()

    def follow(self) -> None:
        """Enable what can be done now."""
        there, one = self.ready, self.strip.span() is not None
        for name, action in self.acts.items():
            action.setEnabled(there and (one or name in ("last", "next", "previous", "split")))
        for action in self.files.values():
            action.setEnabled(there)
        for button in (self.panel.open, self.panel.save, self.panel.clips):
            button.setEnabled(there)
        self.toggle.setVisible(there and self.page.viewing)
        self.toggle.setChecked(self.panel.isVisibleTo(self.page))
        if not self.viewer.path:
            self.panel.hide()


def _kept_words(path: Path) -> list[Label]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Label])
    except (OSError, msgspec.DecodeError):
        return []
