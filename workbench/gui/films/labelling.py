"""Labelling on the page of videos: the strip of spans, the panel, number keys, files in and out, and autosaving."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QFileDialog

from workbench.core.audio import TiersDoc
from workbench.core.problem import ProblemRecord
from workbench.core.spans import (
    LABEL_FORMATS,
    LABEL_SUFFIXES,
    AnnotatedVideo,
    LabelFile,
    LabelsWritten,
    content_digest,
    counted,
    spans_of,
    tracks_of,
    within,
)
from workbench.gui.actions import make_action
from workbench.gui.asking import Asking
from workbench.gui.autosave import Autosave
from workbench.gui.films import spanedits
from workbench.gui.films.spanedits import Label
from workbench.gui.films.spanpanel import SpanPanel
from workbench.gui.films.spanstrip import SpanStrip
from workbench.gui.labelledits import write_whole
from workbench.gui.sounds import tieredits
from workbench.gui.topline import SHORT

if TYPE_CHECKING:
    from workbench.gui.films.page import FilmsPage

ENDINGS = {"csv": ".csv", "activitynet": ".json", "eaf": ".eaf", "elan-tab": ".txt", "boris": ".tsv",
           "kinetics": ".csv", "charades-sta": ".txt", "srt": ".srt"}  # fmt: skip
"""What can be written of one video's spans; lists of whole videos are the command line's."""
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
        self._number = 0
        self._known = ("", 0)
        """The film that the spans are of, and how many frames of it are known."""
        self._begun_s: dict[str, float] = {}
        """When the frame ends with which a label's span began."""
        self._here_s = (0.0, 0.0)
        """When the frame on screen begins and ends; of the film before, while another one comes."""
        self._words = self.link.home.edits / "films" / "vocabulary.json"
        self.strip = SpanStrip(self.viewer.scene)
        self.panel = SpanPanel(self.strip)
        self.asking = Asking(self.link, self, failed=page.failed_with)
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
        self._number += 1
        self.place = None
        self.strip.show_spans(TiersDoc())
        self.strip.setEnabled(False)
        number, path, edits = self._number, self.viewer.path, self.link.home.edits
        self.follow()
        if not path:
            return

        def read() -> tuple[Path | None, TiersDoc | None]:
            with contextlib.suppress(OSError):
                place = spanedits.kept_path(edits, name_of(Path(path)))
                return place, tieredits.kept(place)
            return None, None  # what a camera saw is no file

        def then(found: tuple[Path | None, TiersDoc | None]) -> None:
            if number == self._number:
                self._restored(*found)

        def failed(record: ProblemRecord) -> None:
            if number == self._number:
                self.page.failed_with(record)

        self.link.background(read, then=then, failed=failed, owner=self)

    def _restored(self, place: Path | None, doc: TiersDoc | None) -> None:
        self.place = place
        self.strip.setEnabled(True)
        if doc is not None:
            self.strip.show_spans(doc)
            for tier in doc.tiers:
                self._learn(tier.name)
            if any(tier.segments for tier in doc.tiers):
                self.panel.show()
                self.page.note(["Your labels of last time are shown again."])
        self.panel.refresh()
        self.follow()

    @property
    def ready(self) -> bool:
        """Whether spans can be edited now."""
        return bool(self.viewer.path) and self.viewer.scene.frames > 0 and self.strip.isEnabled()

    def _taken(self) -> Callable[[], object]:
        place, doc = self.place, msgspec.convert(msgspec.to_builtins(self.strip.doc), TiersDoc)
        if place is None:
            return lambda: None
        return lambda: tieredits.keep(place, doc)

    def _edited(self) -> None:
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

    def _tell_open(self) -> None:
        open_now = ", ".join(self.strip.open)
        self.panel.saved.set_whole(f"Labelling {open_now} …" if open_now else self.autosave.words())
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

    def _learn(self, name: str) -> None:
        self._show_vocabulary(spanedits.with_label(self.strip.vocabulary, name), keep=True)

    def _make_label(self, name: str) -> None:
        self._learn(name)
        self.last = name

    def _key(self, name: str, number: int) -> None:
        self._learn(name)
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

    # Files

    def ask_open(self) -> None:
        """Choose a file of annotations."""
        kinds = f"Annotations ({' '.join(f'*{one}' for one in LABEL_SUFFIXES)})"
        dialog = QFileDialog(self.page, "Open labels", str(Path(self.page.path).parent))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters([kinds, "All files (*)"])
        dialog.fileSelected.connect(self.read)
        dialog.finished.connect(lambda _: dialog.deleteLater())
        dialog.open()

    def read(self, path: str) -> None:
        """Put the annotations of a file beside the spans that are there."""
        number = self._number

        def then(file: LabelFile) -> None:
            if number == self._number:
                self._take(Path(path).name, file)

        self.asking.ask("Reading labels", "labels", LabelFile, then, path=path)

    def _take(self, name: str, file: LabelFile) -> None:
        page, scene = self.page, self.viewer.scene
        if not page.index_complete:
            page.note(["The video is still being read to its end: open the labels again in a moment."])
            return
        found, notes = file.of(Path(page.path)), list(file.notes)
        if found is None and len(file.videos) == 1:
            found = file.videos[0]
            notes.insert(0, f"These are annotations of {found.name}.")
        if found is None:
            names = ", ".join([one.name for one in file.videos][:3])
            page.failed_with(ProblemRecord(
                "This file has no annotations of this video.", expected=Path(page.path).name,
                received=f"{counted(len(file.videos), 'video')}: {names} …", severity="input", place=name,
                fix="Open the video that they are of, or rename this one.",
            ))  # fmt: skip
            return
        kept, outside = within(found.spans, scene.duration_s)
        doc, joined = tracks_of([*spans_of(self.strip.doc), *kept], [tier.name for tier in self.strip.doc.tiers])
        self.strip.document.push(spanedits.TracksEdit(self.strip.doc, doc.tiers, self.strip.told, f"Labels of {name}"))
        for label in (*file.labels, *(tier.name for tier in doc.tiers)):
            self._learn(label)
        self.panel.show()
        page.note([f"{counted(len(kept), 'span')} from {name}", *outside, *joined, *notes])

    def ask_save(self) -> None:
        """Ask where to and as what."""
        if not self.ready:
            return
        kinds = {f"{LABEL_FORMATS[form]} (*{ending})": form for form, ending in ENDINGS.items()}
        dialog = QFileDialog(self.page, "Save labels as", str(Path(self.page.path).parent))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters(list(kinds))
        dialog.selectFile(f"{Path(self.page.path).stem}-labels")

        def chosen(name: str) -> None:
            form = kinds[dialog.selectedNameFilter()]
            ending = ENDINGS[form]
            self.write(Path(name) if Path(name).suffix.lower() == ending else Path(name + ending), form)

        dialog.fileSelected.connect(chosen)
        dialog.finished.connect(lambda _: dialog.deleteLater())
        dialog.open()

    def write(self, out: Path, form: str) -> None:
        """Write the spans of the film in a format."""
        # A table of one video's spans, beside it, needs no column of its name.
        name = "" if form in ("csv", "srt", "elan-tab") else Path(self.page.path).name
        video = AnnotatedVideo(name, spans_of(self.strip.doc), self.viewer.scene.duration_s)
        file = LabelFile(form, [video], tuple(tier.name for tier in self.strip.doc.tiers))
        self.asking.ask(f"Writing {out.name}", "labels-export", LabelsWritten, self._written,
                        file=msgspec.to_builtins(file), out=str(out), format=form)  # fmt: skip

    def _written(self, done: LabelsWritten) -> None:
        self.page.note([f"{counted(done.spans, 'span')} written to {done.path}", *done.notes])

    def ask_clips(self) -> None:
        """Ask where to write the list of clips."""
        if not self.ready:
            return
        dialog = QFileDialog(self.page, "Spans as training data", str(Path(self.page.path).parent))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters(["List of clips (*.csv)"])
        dialog.selectFile("clips.csv")
        dialog.fileSelected.connect(
            lambda name: self.write_clips(Path(name) if name.lower().endswith(".csv") else Path(f"{name}.csv"))
        )
        dialog.finished.connect(lambda _: dialog.deleteLater())
        dialog.open()

    def write_clips(self, out: Path) -> None:
        """Write the spans of this film, and of all others in the list, as clips that recipes read."""
        here, spans, edits = self.page.path, spans_of(self.strip.doc), self.link.home.edits
        others = [path for path in self._listed() if path != here]

        def gather() -> list[Any]:
            videos = [AnnotatedVideo(here, spans)]
            for path in others:
                with contextlib.suppress(OSError):
                    doc = tieredits.kept(spanedits.kept_path(edits, name_of(Path(path))))
                    videos += [AnnotatedVideo(path, spans_of(doc))] if doc is not None else []
            found: list[Any] = msgspec.to_builtins(videos)
            return found

        def ask(videos: list[Any]) -> None:
            self.asking.ask(f"Writing {out.name}", "labels-clips", LabelsWritten, self._written, videos=videos,
                            out=str(out))  # fmt: skip

        self.link.background(gather, then=ask, failed=self.page.failed_with, owner=self)

    def _listed(self) -> list[str]:
        files = self.page.files
        return [str(files.item(at).data(Qt.ItemDataRole.UserRole)) for at in range(files.count())]

    # Building

    def _make_actions(self) -> None:
        strip = self.strip
        inner: dict[str, Callable[[], object]] = {
            "last": self._again, "split": strip.split, "join": strip.join, "delete": strip.delete,
            "next": lambda: strip.step(1), "previous": lambda: strip.step(-1), "loop": self._loop,
            "earlier": lambda: strip.nudge(-1), "later": lambda: strip.nudge(1),
            "earlier-ten": lambda: strip.nudge(-NUDGE_MANY), "later-ten": lambda: strip.nudge(NUDGE_MANY),
            "back": lambda: strip.shift(-1), "on": lambda: strip.shift(1),
        }  # fmt: skip
        self.acts = {name: make_action(self.viewer, f"view.film.span-{name}", do) for name, do in inner.items()}
        self.undo, self.redo = strip.document.actions(self.viewer, ("view.film.undo", "view.film.redo"))
        self.toggle = make_action(self.page, "films.labels", self._toggle, checkable=True)
        self.toggle.setProperty(SHORT, "Labels")
        files = {"open": self.ask_open, "save": self.ask_save, "clips": self.ask_clips}
        self.files = {name: make_action(self.page, f"films.labels-{name}", do) for name, do in files.items()}
        self.page.top.add(self.toggle)
        for action in self.files.values():
            self.page.top.add_rare(action)
        self.viewer.menu.addSeparator()
        self.viewer.menu.addActions([*self.acts.values(), self.undo, self.redo])

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
        self.viewer.scene.shown.connect(self._shown)
        self.viewer.scene.moved.connect(self._moved)

    def follow(self) -> None:
        """Enable what can be done now."""
        there, one = self.ready, self.strip.span() is not None
        for name, action in self.acts.items():
            action.setEnabled(there and (one or name in ("last", "next", "previous", "split")))
        for action in self.files.values():
            action.setEnabled(there)
        for button in (self.panel.open, self.panel.save, self.panel.clips):
            button.setEnabled(there)
        self.toggle.setVisible(there)
        self.toggle.setChecked(self.panel.isVisibleTo(self.page))
        if not self.viewer.path:
            self.panel.hide()


def name_of(path: Path) -> str:
    """What a film's labels are kept under: what the file holds, or the names and sizes of a folder's pictures."""
    if path.is_dir():
        import hashlib

        facts = sorted(f"{one.name}:{one.stat().st_size}" for one in path.iterdir() if one.is_file())
        return hashlib.blake2b("\n".join(facts).encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
    return content_digest(path)


def _kept_words(path: Path) -> list[Label]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Label])
    except (OSError, msgspec.DecodeError):
        return []
