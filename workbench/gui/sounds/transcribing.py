"""Transcribing the sound that is open: models, live text, comparing, corrections and what becomes of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QWidget

from workbench.core.audio import Segment, Tier, TiersDoc
from workbench.core.modelcards import what_is_in
from workbench.core.params import knobs
from workbench.core.problem import InputError
from workbench.core.recipe import Recipe
from workbench.core.recognisers import EXPECTED, SHIPPED, facts_of
from workbench.core.transcripts import (
    RECIPE,
    RecogniserFacts,
    TranscribingWish,
    Transcript,
    differing,
    with_speakers,
)
from workbench.core.words import count, duration
from workbench.gui.actions import make_action
from workbench.gui.asking import Asking
from workbench.gui.sounds import correcting
from workbench.gui.sounds.errand import Errand
from workbench.gui.sounds.modelpair import Reading, show_pair
from workbench.gui.sounds.retranscribing import put_stretch
from workbench.gui.sounds.transcribepanel import TranscribePanel
from workbench.runner.answering import Stopped
from workbench.runner.transcribing import transcript_of
from workbench.store import corrections
from workbench.store.recognisers import recognisers

if TYPE_CHECKING:
    from workbench.gui.sounds.page import SoundsPage

SLOT = "speech"
Tell = Callable[[Callable[[], object]], None]


class Transcribing(QObject):
    """Asks the worker for the words of the page's sound; corrected segments are never taken away."""

    recipe_wanted = Signal(str, object, object)
    """A recipe's id, its inputs by slot, and knobs by name."""
    listed = Signal()
    """The models were looked for again."""
    remembered = Signal()

    def __init__(self, page: SoundsPage) -> None:
        super().__init__(page)
        self.page, self._link = page, page.link
        self.models: list[RecogniserFacts] = []
        self.chosen, self.second, self.folders = "", "", list[str]()
        self._path, self._listed = "", False
        self.panel = TranscribePanel()
        self.panel.hide()
        self.asking = Asking(page.link, self, failed=page.failed_with)
        self.errand = Errand(page.link, self, "transcribing")
        doing = {
            "transcribe": self.toggle, "transcribe-run": self.run, "transcribe-part": self.run_part,
            "transcribe-stop": self.stop, "transcribe-compare": self.compare, "confirm": self.confirm,
            "corrections": self.keep, "finetune": self.tune,
        }  # fmt: skip
        self.acts = {name: make_action(page, f"sounds.{name}", do, checkable=name == "transcribe")
                     for name, do in doing.items()}  # fmt: skip
        panel = self.panel
        for name, button in panel.keyed().items():
            button.clicked.connect(self.acts[name].trigger)
        panel.train.clicked.connect(lambda _=False: self.recipe_wanted.emit(RECIPE, {}, {}))
        panel.folder.clicked.connect(lambda _=False: self.ask_folder())
        panel.model.activated.connect(lambda _: self._choose())
        panel.other.activated.connect(lambda _: self._choose())
        self.errand.changed.connect(self.follow)
        self.errand.failed.connect(page.failed_with)
        page.viewer.edited.connect(self.follow)
        page.viewer.scene.selected.connect(self._selected)
        page.link.runs_changed.connect(self._list)

    def beside(self, places: QWidget) -> QHBoxLayout:
        """The page's places with the panel at their right."""
        row = QHBoxLayout()
        row.setSpacing(self.panel.gap)
        row.addWidget(places, 1)
        row.addWidget(self.panel)
        return row

    def values(self) -> dict[str, Any]:
        """What is remembered: the chosen models, and folders that were named here."""
        return {"recogniser": self.chosen, "second": self.second, "folders": self.folders}

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Back to what was remembered; anything else is passed by."""
        try:
            self.folders = msgspec.convert(values.get("folders", []), list[str])
            self.chosen = msgspec.convert(values.get("recogniser", ""), str)
            self.second = msgspec.convert(values.get("second", ""), str)
        except msgspec.ValidationError:
            return

    def toggle(self) -> None:
        """Show the panel or hide it; work that is under way goes on."""
        self.panel.setVisible(self.panel.isHidden() and self.page.viewing)
        if not self.panel.isHidden():
            self.look()
        self.follow()

    def look(self) -> None:
        """Look for models, now and after every run from now on."""
        self._listed = True
        self._list()

    def follow(self) -> None:
        """The page has another sound or does something else now, tiers were edited, work began or ended."""
        page, running = self.page, self.errand.running
        if page.path != self._path:
            self._path = page.path
            self.errand.stop()
            self.panel.show_text("")
            self.panel.show_rates("")
            page.viewer.tiers.differing = frozenset()
            running = False
        if not page.viewing:
            self.panel.hide()
        doc = page.viewer.tiers.doc
        rows = correcting.corrected_rows(doc) if page.viewing else []
        ready = page.viewing and bool(self.models) and not running
        recipe = RECIPE in page.recipes
        can = {
            "transcribe": page.viewing, "transcribe-run": ready, "transcribe-stop": running,
            "transcribe-part": ready and page.viewer.scene.selection is not None,
            "transcribe-compare": ready and len(self.models) > 1,
            "confirm": page.viewing and any(one.kind == "segments" for one in doc.tiers), "corrections": bool(rows),
            "finetune": page.viewing and recipe,
        }  # fmt: skip
        for name, able in can.items():
            self.acts[name].setEnabled(able)
        self.acts["transcribe"].setVisible(page.viewing)
        self.acts["transcribe"].setChecked(not self.panel.isHidden())
        self.acts["finetune"].setVisible(recipe)
        self.panel.tune.setVisible(recipe)
        self.panel.train.setVisible(recipe and not self.models)
        for name, button in self.panel.keyed().items():
            button.setEnabled(can[name])
        if rows:
            self.panel.corrected.setText(f"{count(len(rows), 'segment')} of this sound corrected or confirmed.")
        if not running:
            self.panel.say("", -1.0)

    # Models

    def ask_folder(self) -> None:
        """Choose the folder of a model."""
        dialog = QFileDialog(self.page, "Choose a model that transcribes")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(self.add_folder)
        dialog.finished.connect(lambda _: dialog.deleteLater())
        dialog.open()

    def add_folder(self, path: str) -> None:
        """Transcribe with the model in a folder from now on, where there is one."""

        def work() -> str:
            for folder in (Path(path), Path(path) / "model"):
                if facts_of(folder) is not None:
                    return str(folder)
            raise InputError("Nothing in this folder transcribes.", expected=EXPECTED, received=what_is_in(Path(path)),
                             fix="Choose the folder that holds config.json itself.", place=path)  # fmt: skip

        def then(found: str) -> None:
            self.folders = [found, *(one for one in self.folders if one != found)][:20]
            self.chosen = found
            self.remembered.emit()
            self.look()

        self.asking.work("Looking at the model", work, then)

    def _list(self) -> None:
        if not self._listed:
            return
        home, folders = self._link.home, list(self.folders)

        def work() -> list[RecogniserFacts]:
            found = recognisers(home)
            known = {one.path for one in found}
            own = [facts_of(Path(one)) for one in folders if one not in known]
            return [*found, *(one for one in own if one is not None)]

        self._link.background(work, then=self._listed_now, failed=self.page.failed_with, owner=self)

    def _listed_now(self, found: list[RecogniserFacts]) -> None:
        self.models = found
        self.panel.show_models(found, self.chosen, self.second)
        self.follow()
        self.listed.emit()

    def _choose(self) -> None:
        self.chosen = str(self.panel.model.currentData() or "")
        self.second = str(self.panel.other.currentData() or "")
        self.panel.tell_note(self.models)
        self.remembered.emit()

    def _facts(self, path: str) -> RecogniserFacts | None:
        return next((one for one in self.models if one.path == path), None)

    # Transcribing

    def run(self) -> None:
        """Ask the chosen model for the words of the whole sound."""
        self._ask(0.0, 0.0)

    def run_part(self) -> None:
        """Ask for those of the selection; they take the place of what the transcript holds there."""
        scene = self.page.viewer.scene
        if scene.selection is not None:
            first, last = (one / scene.rate_hz for one in scene.selection)
            self._ask(first, last)

    def _selected(self) -> None:
        able = self.acts["transcribe-run"].isEnabled() and self.page.viewer.scene.selection is not None
        self.acts["transcribe-part"].setEnabled(able)
        self.panel.part.setEnabled(able)

    def _ask(self, start_s: float, end_s: float) -> None:
        model, path = str(self.panel.model.currentData() or ""), self.page.path
        if not model or not path or self.errand.running:
            return
        self.page.banner.dismiss()
        self.panel.show_text("")
        began = time.monotonic()
        wish = TranscribingWish(path, model, start_s, end_s, beam=self.panel.beam.value())

        def work(stop: threading.Event, tell: Tell) -> Transcript:
            return self._read(wish, stop, tell, "")

        self.errand.start(work, lambda found: self._take(wish, found, time.monotonic() - began))
        self.panel.say("Waking the model", -1.0)

    def stop(self) -> None:
        """End the work; what was heard until then is shown."""
        self.errand.ask_stop()
        if self.errand.running:
            self.panel.say("Stopping", -1.0)

    def _read(self, wish: TranscribingWish, stop: threading.Event, tell: Tell, prefix: str) -> Transcript:
        """On the errand's thread: the transcript, or what there is of it where it was stopped."""
        runner, latest = self._link.runner, [Transcript()]

        def told(partial: Transcript, fraction: float, words: str) -> None:
            if partial.duration_s:
                latest[0] = partial
            text = partial.text
            far = f"{100 * fraction:.0f} %" if fraction >= 0 else "waiting"
            said = f"{prefix}{far}, {words or 'reading the sound'}"
            tell(lambda: self._grow(text, said, fraction))

        try:
            return transcript_of(runner, wish, stop, told)
        except Stopped:
            if not latest[0].duration_s:
                raise
            return latest[0]

    def _grow(self, text: str, said: str, fraction: float) -> None:
        if text:
            self.panel.show_text(text)
        if not self.panel.progress.whole.startswith("Stopping"):
            self.panel.say(said, fraction)

    def _take(self, wish: TranscribingWish, found: Transcript, seconds: float) -> None:
        if wish.path != self.page.path:
            return
        facts = self._facts(wish.model)
        by = facts.title.partition("  ·  ")[0] if facts is not None else Path(wish.model).name
        strip = self.page.viewer.tiers
        self.panel.show_text(found.text)
        found = _with_speakers(found, strip.doc)
        lines = []
        if not found.words:
            lines.append("No speech was heard; the tiers stay as they are.")
        elif wish.end_s:
            placed = put_stretch(strip, found)
            lines.append(f"{count(len(found.words), 'word')} from {wish.start_s:.2f} to {found.reached_s:.2f} s by "
                         f"{by}: tier {placed.name}.")  # fmt: skip
            if placed.kept:
                lines.append(f"{count(placed.kept, 'segment')} there that you corrected or confirmed stayed as before.")
        else:
            name, replaced = correcting.add_transcript(strip, found)
            again = " in the place of the one before" if replaced else ""
            lines.append(f"{count(len(found.words), 'word')} by {by} in {duration(seconds)}: tier {name}{again}.")
        if not found.complete:
            end_s = min(wish.end_s or found.duration_s, found.duration_s)
            lines.append(f"It was stopped at {found.reached_s:.0f} s of {end_s:.0f} s.")
        if not found.timed:
            lines.append("This model tells no times: those of words share out the stretch they were heard in.")
        self.page.note([*lines, *(f"{note}." for note in found.notes)])

    # Comparing

    def compare(self) -> None:
        """Ask both models and show what each hears."""
        one, two = str(self.panel.model.currentData() or ""), str(self.panel.other.currentData() or "")
        path, beam = self.page.path, self.panel.beam.value()
        if one == two:
            self.page.failed_with(InputError("Both models are the same.", expected="two models to compare",
                                             fix="Choose another one as the second.").record())  # fmt: skip
            return
        self.page.banner.dismiss()
        self.panel.show_text("")

        def work(stop: threading.Event, tell: Tell) -> list[Transcript]:
            found = []
            for number, model in (("First", one), ("Second", two)):
                wish = TranscribingWish(path, model, beam=beam)
                found.append(self._read(wish, stop, tell, f"{number} model: "))
                if not found[-1].complete:
                    raise Stopped
            return found

        def read(found: list[Transcript]) -> None:
            titles = [facts.title if (facts := self._facts(model)) else Path(model).name for model in (one, two)]
            self.asking.work("Comparing", lambda: differing(found[0].words, found[1].words), lambda places: show(
                [Reading(*parts) for parts in zip(titles, found, places, strict=True)]))  # fmt: skip

        def show(readings: list[Reading]) -> None:
            if path == self.page.path:
                self.panel.show_rates(show_pair(self.page.viewer.tiers, readings))

        self.errand.start(work, read)
        self.panel.say("Waking the first model", -1.0)

    # Corrections

    def confirm(self) -> None:
        """The marked segment is right; mark the next one."""
        strip = self.page.viewer.tiers
        if correcting.confirm(strip):
            strip.step(1)
        else:
            self.page.note(["Click a segment with a text in a tier of segments first."])

    def keep(self) -> None:
        """Append what was corrected to the record."""
        home, path = self._link.home, Path(self.page.path)
        rows = correcting.corrected_rows(self.page.viewer.tiers.doc)

        def then(added: int) -> None:
            record = corrections.record_of(home)
            said = f"{count(added, 'new correction')} in {record}" if added else "The record holds all of these already"
            self.page.note([f"{said}. Nothing is trained by it."])
            self.follow()

        self.asking.work("Keeping corrections", lambda: corrections.add(home, path, rows), then)

    def tune(self) -> None:
        """Open the recipe with every correction that stands as its data."""
        recipe, home = self.page.recipes[RECIPE], self._link.home
        chosen = self._facts(str(self.panel.model.currentData() or ""))

        def then(made: tuple[Path, int]) -> None:
            folder, _ = made
            slot = SLOT if SLOT in recipe.reads else next(iter(recipe.reads))
            self.recipe_wanted.emit(recipe.id, {slot: str(folder)}, _start(recipe, chosen))

        self.asking.work("Writing the training set", lambda: corrections.training_set(home), then)


def _start(recipe: Recipe, chosen: RecogniserFacts | None) -> dict[str, Any]:
    """Knobs that go on from the chosen model, where it is one of the recipe's and the recipe can."""
    names = {one.name: one for one in knobs(recipe.params)}
    if chosen is None or chosen.family != "recogniser" or chosen.path == str(SHIPPED):
        return {}
    if "start" not in names or "model" not in names or "a model folder" not in names["start"].choices:
        return {}
    return {"start": "a model folder", "model": chosen.path}


def _with_speakers(found: Transcript, doc: TiersDoc) -> Transcript:
    """The speakers of a tier that tells them, where there is one."""
    tier: Tier | None = next(
        (one for one in doc.tiers if one.kind == "segments" and one.name.startswith("speakers")), None
    )
    if tier is None:
        return found
    named: list[list[Segment]] = [with_speakers(rows, tier) for rows in (found.segments, found.words)]
    return msgspec.structs.replace(found, segments=named[0], words=named[1])
