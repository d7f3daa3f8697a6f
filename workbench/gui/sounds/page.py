"""The page of sounds: drop files, see and hear them, annotate them, record, take them away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from PySide6.QtWidgets import QFileDialog

from workbench.core.audio import TiersDoc, Tracks
from workbench.core.problem import ProblemRecord
from workbench.core.recipe import Recipe
from workbench.gui.actions import make_action
from workbench.gui.autosave import Autosave
from workbench.gui.closingwork import PageWork
from workbench.gui.filespage import TITLE_PX, FilesPage
from workbench.gui.link import Link
from workbench.gui.sounds import tieredits
from workbench.gui.sounds.batch import BatchPlace
from workbench.gui.sounds.cloning import Cloning
from workbench.gui.sounds.exporting import Exporting
from workbench.gui.sounds.opening import SUFFIXES, TIERS, Opened, Opening, listed
from workbench.gui.sounds.recordpanel import RecordPanel
from workbench.gui.sounds.speaking import Speaking
from workbench.gui.sounds.start import start_place
from workbench.gui.sounds.tiles import WorkerTiles
from workbench.gui.sounds.transcribing import Transcribing
from workbench.gui.sounds.underway import works_of
from workbench.gui.sounds.viewer import SoundViewer
from workbench.gui.sounds.waves import Sound
from workbench.gui.topline import SHORT, TabChooser
from workbench.gui.working import WorkingLine

SHORTLY = {"batch": "Batch…", "transcribe": "Transcribe", "speakers": "Speakers"}


class SoundsPage(FilesPage):
    """Several files stand in a list at the left; one is seen."""

    def __init__(self, link: Link, chooser: TabChooser) -> None:
        super().__init__(link, chooser, "Sounds")
        self.recipes: Mapping[str, Recipe] = {}
        """What corrections can train."""
        self._is_sample = False
        self.opening = Opening(link, self)
        self.start = start_place(files=self.ask_files, folder=self.ask_folder, sample=self.open_sample,
                                record=self.record)  # fmt: skip
        self.viewer = SoundViewer(link, tracked=True)
        self.recorder = RecordPanel(link, link.home.root / "recordings")
        self.exporting = Exporting(link, self)
        self.batch = BatchPlace(link)
        self.place(self.viewer, self.recorder, self.batch)
        self.transcribing = Transcribing(self)
        self.speaking = Speaking(self)
        self.looking.addWidget(self.speaking.panel)
        self.cloning = Cloning(self)
        self.working = WorkingLine(self._stop)
        self.autosave = Autosave(link, self._taken, self)
        self._make_actions()
        self.column.addWidget(self.working)
        beside = self.transcribing.beside(self.places)
        beside.addWidget(self.cloning.panel)
        self.column.addLayout(beside, 1)
        self._wire()
        self.start.show_recent([])
        self.follow()

    # What is remembered

    def values(self) -> dict[str, Any]:
        """The sounds of late, by path."""
        return {"recent": self.recent, "transcribing": self.transcribing.values(), "batch": self.batch.values(),
                "cloning": self.cloning.values()}  # fmt: skip

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Back to what was remembered; anything else is passed by."""
        if not self.take_recent(values):
            return
        for part, kept in ((self.transcribing, "transcribing"), (self.batch, "batch"), (self.cloning, "cloning")):
            part.set_values(values[kept] if isinstance(values.get(kept), dict) else {})

    def closed(self) -> None:
        """Put edits and a recording on disk."""
        self.viewer.player.halt()
        self.cloning.strip.player.halt()
        if self.recorder.recorder is not None:
            recorder, self.recorder.recorder = self.recorder.recorder, None
            recorder.finish()
        self.autosave.flush()
        self._stop()
        self.transcribing.errand.close()
        self.batch.close_batch()

    def works(self) -> list[PageWork]:
        """What would end with the window."""
        return works_of(self)

    # Opening

    def open_paths(self, paths: Sequence[str]) -> None:
        """List the sounds of files and folders, and open the first; a file of tiers goes below the open sound."""
        if len(paths) == 1 and Path(paths[0]).suffix.lower() in TIERS and self.path:
            self.opening.read_tiers(paths[0])
            return
        self.opening.asking.work("Looking for sounds", lambda: listed(paths), self._list)

    def open_sound(self, path: str) -> None:
        """See a sound."""
        self._leave()
        self.wish, self._is_sample = path, False
        self.opening.open(path)

    def open_listed(self, path: str) -> None:
        self.open_sound(path)

    def open_sample(self) -> None:
        """See the sample."""
        self._leave()
        self.files.clear()
        self.files.hide()
        self.wish, self._is_sample = "", True
        self.opening.open_sample()

    def record(self) -> None:
        """Show the microphone."""
        self._leave()
        self.places.setCurrentWidget(self.recorder)
        self.recorder.open()
        self.follow()

    def show_batch(self) -> None:
        """Show the place where many files are transcribed."""
        self._leave()
        self.places.setCurrentWidget(self.batch)
        self.transcribing.look()
        self.follow()

    def ask_files(self) -> None:
        """Choose files to open."""
        kinds = f"Sounds ({' '.join(f'*{one}' for one in SUFFIXES)})"
        self.ask("Open sounds", QFileDialog.FileMode.ExistingFiles, self.open_paths, kinds)

    def ask_folder(self) -> None:
        """Choose a folder to open."""
        self.ask("Open a folder of sounds", QFileDialog.FileMode.Directory, self.open_paths)

    def ask_tiers(self) -> None:
        """Choose a file of tiers."""
        kinds = "Tiers (*.TextGrid *.textgrid *.srt *.vtt *.rttm *.ctm *.json *.txt)"
        self.ask(
            "Open tiers", QFileDialog.FileMode.ExistingFile, lambda paths: self.opening.read_tiers(paths[0]), kinds
        )

    def dropped(self, paths: list[str]) -> None:
        batch = self.places.currentWidget() is self.batch and not self.batch.errand.running
        (self.batch.choose if batch else self.open_paths)(paths)

    def _list(self, paths: Sequence[str]) -> None:
        if not paths:
            kinds = ", ".join(SUFFIXES[:8])
            self.failed_with(ProblemRecord("There is no sound in this folder.", expected=f"files such as {kinds}",
                                       fix="Choose another folder, or single files."))  # fmt: skip
            return
        self.list_files(paths)

    def _opened(self, opened: Opened) -> None:
        self.path = opened.path
        self.viewer.show_sound(opened.sound, opened.tiers, source=WorkerTiles(self.link, opened.path))
        self.autosave.forget()
        self.places.setCurrentWidget(self.looking)
        self.viewer.waveform.setFocus()
        told = ["Your tiers of last time are shown again."] if opened.restored else []
        self.note([*told, *opened.notes])
        if not self._is_sample:
            self.remember(opened.path)
        self.follow()

    def _grown(self, sound: Sound) -> None:
        self.viewer.grow(sound)
        if sound.complete:
            self.note(sound.notes)

    def _tiers_read(self, doc: TiersDoc) -> None:
        for tier in doc.tiers:
            self.viewer.tiers.add(tier)
        if not doc.tiers:
            self.note(["There is no tier in this file."])

    def _recorded(self, path: str) -> None:
        self.open_paths([path])

    # The sound that is open

    def close_sounds(self) -> None:
        """Back to the start; tiers are kept."""
        self._leave()
        self.viewer.clear()
        self.files.clear()
        self.path = ""
        self.places.setCurrentWidget(self.start)
        self.follow()

    def export(self) -> None:
        """Ask what to write where."""
        if self.path:
            scene = self.viewer.scene
            selection = [one / scene.rate_hz for one in scene.selection] if scene.selection else None
            self.exporting.ask(self.path, selection, self.viewer.tiers.doc)

    def show_tracks(self) -> None:
        """Lay pitch and energy over the spectrogram, or take them away."""
        if not self.viewer.acts["tracks"].isChecked():
            self.viewer.show_tracks(None, None)
            return
        path = self.path

        def then(found: Tracks) -> None:
            self.opening.asking.work("Opening pitch", lambda: np.load(found.path, mmap_mode="r"), lambda rows: (
                self.viewer.show_tracks(found, rows) if path == self.path else None))  # fmt: skip

        self.opening.asking.ask("Tracking pitch", "tracks", Tracks, then, path=path)

    def _taken(self) -> Any:
        place = tieredits.kept_path(self.link.home.edits, self.path)
        doc = msgspec.convert(msgspec.to_builtins(self.viewer.tiers.doc), TiersDoc)
        return tieredits.keeping(place, doc, self.set_aside.emit)

    def _leave(self) -> None:
        """Another thing is looked at now."""
        self.autosave.flush()
        self.opening.asking.cancel()
        self.banner.dismiss()

    def _stop(self) -> None:
        self.opening.asking.cancel()
        self.exporting.asking.cancel()
        self.cloning.asking.cancel()

    # Building

    def _make_actions(self) -> None:
        doing = {
            "file": self.ask_files, "folder": self.ask_folder, "sample": self.open_sample, "record": self.record,
            "tiers": self.ask_tiers, "export": self.export, "next": lambda: self.step(1),
            "previous": lambda: self.step(-1), "close": self.close_sounds, "batch": self.show_batch,
        }  # fmt: skip
        self.acts = {name: make_action(self, f"sounds.{name}", do) for name, do in doing.items()}
        many = {**self.acts, **self.transcribing.acts, **self.speaking.acts, **self.cloning.acts}
        for name, short in SHORTLY.items():
            many[name].setProperty(SHORT, short)
        for name in ("batch", "folder", "record", "export", "transcribe", "speakers", "clone"):
            self.top.add(many[name])
        for name in ("tiers", "close"):
            self.top.add_rare(self.acts[name])
        self.top.add(self.acts["file"], primary=True)

    def _wire(self) -> None:
        self.opening.opened.connect(self._opened)
        self.opening.grown.connect(self._grown)
        self.opening.tiers_read.connect(self._tiers_read)
        self.opening.failed.connect(self.failed_with)
        self.exporting.failed.connect(self.failed_with)
        self.exporting.written.connect(lambda words: self.note([words]))
        self.viewer.failed.connect(self.failed_with)
        self.viewer.tracks_wanted.connect(self.show_tracks)
        self.viewer.edited.connect(self.autosave.touch)
        self.recorder.recorded.connect(self._recorded)
        self.recorder.left.connect(self.left_place)
        self.batch.left.connect(self.left_place)
        self.batch.sound_wanted.connect(lambda path: self.open_paths([path]))
        self.batch.failed.connect(self.failed_with)
        self.batch.remembered.connect(self.changed)
        self.transcribing.remembered.connect(self.changed)
        self.transcribing.listed.connect(
            lambda: self.batch.show_models(self.transcribing.models, self.transcribing.chosen)
        )
        self.cloning.remembered.connect(self.changed)
        self.autosave.told.connect(self.link.saved)
        for asking in (self.opening.asking, self.exporting.asking, self.transcribing.asking, self.speaking.asking,
                       self.speaking.remembering, self.cloning.asking):  # fmt: skip
            asking.changed.connect(lambda _: self._tell())

    def _tell(self) -> None:
        self.cloning.check_store()
        self.working.tell([self.opening.asking.doing, self.exporting.asking.doing, self.transcribing.asking.doing,
                           self.speaking.asking.doing, self.speaking.remembering.doing,
                           self.cloning.asking.doing])  # fmt: skip

    def follow(self) -> None:
        viewing = self.viewing
        recording = self.places.currentWidget() is self.recorder
        many = self.files.count() > 1
        for name in ("tiers", "export", "close", "next", "previous"):
            self.acts[name].setEnabled(viewing and (many if name in ("next", "previous") else True))
            self.acts[name].setVisible(viewing)
        many_files = self.places.currentWidget() is self.batch
        self.acts["record"].setVisible(not recording and not many_files)
        for name in ("batch", "folder", "file"):
            self.acts[name].setVisible(not many_files)
        self.transcribing.follow()
        self.speaking.follow()
        self.cloning.follow()
        title = "Sample sound" if self._is_sample else Path(self.path).name
        self.top.tell("Transcribe many" if many_files else title if viewing else "", least_px=TITLE_PX)
