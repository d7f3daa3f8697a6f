"""Recognising in the film that is open: models, windows scored as they come, where the model looks, labels from it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QFileDialog

from workbench.core.modelcards import what_is_in
from workbench.core.problem import InputError, Problem
from workbench.core.recognising import (
    Recognised,
    RecogniserFacts,
    RecognisingWish,
    Saliency,
    SaliencyWish,
    class_names,
    joined,
    remarks,
)
from workbench.core.videorecognisers import EXPECTED, classifying, facts_of
from workbench.core.words import count, took
from workbench.gui.actions import make_action
from workbench.gui.asking import Asking
from workbench.gui.closingwork import PageWork
from workbench.gui.films.livescores import LiveScores
from workbench.gui.films.lookmap import whole_frame
from workbench.gui.films.recognisedspans import RECIPE, RecognisedSpans
from workbench.gui.films.recognisepanel import RecognisePanel
from workbench.gui.films.scores import ScoreStrip, Series
from workbench.gui.sounds.errand import Errand
from workbench.runner.recognising import recognised
from workbench.store.videorecognisers import recognisers

if TYPE_CHECKING:
    from workbench.gui.films.page import FilmsPage

SHOWN_EVERY_S, LOOKS_AFTER_MS = 0.25, 120
NO_FILE = "Models look at video files only: Export… makes one of this, which can be opened."
Tell = Callable[[Callable[[], object]], None]


class Recognising(QObject):
    """Asks the worker what happens when in the page's film, or live; `labels` is where spans go, once it is set."""

    recipe_wanted = Signal(str, object, object)
    """A recipe's id, its inputs by slot, and knobs by name."""
    remembered = Signal()

    def __init__(self, page: FilmsPage) -> None:
        super().__init__(page)
        self.page, self._link = page, page.link
        self.models: list[RecogniserFacts] = []
        self.chosen, self.folders = "", list[str]()
        self.found = Recognised()
        self._path = ""
        self._looked_at = -1
        """The frame that it was asked last where the model looks on it."""
        self.panel = RecognisePanel()
        self.panel.hide()
        self.strip = ScoreStrip(page.viewer.scene)
        self.strip.hide()
        self.asking = Asking(page.link, self, failed=page.failed_with)
        self.looking = Asking(page.link, self, failed=self._blind)
        self.errand = Errand(page.link, self, "recognising")
        self.live = LiveScores(self, page.live)
        self.labelling = RecognisedSpans(self)
        self._looks = QTimer(self)
        self._looks.setSingleShot(True)
        self._looks.setInterval(LOOKS_AFTER_MS)
        self._looks.timeout.connect(self._ask_look)
        doing: dict[str, Callable[[], object]] = {
            "recognise": self.toggle, "recognise-run": self.run, "recognise-stop": self.stop,
            "recognise-look": self._looked, "recognise-span": self.labelling.label_span,
            "recognise-spans": self.labelling.label_all, "recognise-train": self.labelling.train,
        }  # fmt: skip
        self.acts = {
            name: make_action(page, f"films.{name}", do, checkable=name in ("recognise", "recognise-look"))
            for name, do in doing.items()
        }
        page.top.add(self.acts["recognise"])
        page.add_panel(self.panel)
        page.viewer.add_strip(self.strip)
        self._wire()
        self.follow()

    def _wire(self) -> None:
        page, panel = self.page, self.panel
        for name, button in panel.keyed().items():
            button.clicked.connect(lambda _=False, name=name: self.acts[name].trigger())  # type: ignore[attr-defined]
        panel.folder.clicked.connect(lambda _=False: self.ask_folder())
        panel.model.activated.connect(lambda _: self._choose())
        panel.threshold.valueChanged.connect(lambda _: self._rethink())
        panel.looks.activated.connect(lambda _: self._looks.start())
        panel.from_labels.clicked.connect(lambda _=False: self.labelling.take_names())
        for widget in (panel.window_s, panel.stride_s):
            widget.valueChanged.connect(lambda _: self.remembered.emit())
        panel.classes.textChanged.connect(self.remembered.emit)
        self.strip.stretch_wanted.connect(self.labelling.select)
        scene = page.viewer.scene
        scene.moved.connect(self._tell_frame)
        scene.selected.connect(self.follow)
        page.film_opened.connect(lambda _: self._another())
        page.places.currentChanged.connect(lambda _: self.follow())
        page.live.started.connect(lambda _: self.follow())
        page.live.over.connect(self.follow)
        self.errand.changed.connect(self.follow)
        self.errand.failed.connect(page.failed_with)
        self.live.changed.connect(self.follow)
        page.link.runs_changed.connect(lambda: self.look() if not self.panel.isHidden() else None)

    # What is remembered

    def values(self) -> dict[str, Any]:
        """The chosen model, classes, windows, and folders that were named here."""
        panel = self.panel
        return {"model": self.chosen, "folders": self.folders, "classes": panel.classes.toPlainText(),
                "window_s": panel.window_s.value(), "stride_s": panel.stride_s.value(),
                "threshold": panel.threshold.value()}  # fmt: skip

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Back to what was remembered; anything else is passed by."""
        panel = self.panel
        try:
            kept = msgspec.convert(dict(values), _Kept)
        except msgspec.ValidationError:
            return
        self.chosen, self.folders = kept.model, kept.folders
        panel.window_s.setValue(kept.window_s)
        panel.stride_s.setValue(kept.stride_s)
        panel.threshold.setValue(kept.threshold)
        if kept.classes.strip():
            panel.classes.setPlainText(kept.classes)

    def closed(self) -> None:
        """End the work."""
        self._looks.stop()
        self.live.close()
        self.errand.close()
        self.asking.cancel()
        self.looking.cancel()

    def works(self) -> list[PageWork]:
        """What would end with the window."""
        doing = f"Recognising {Path(self.page.path).name}"
        work = PageWork(doing, "What was recognised until now is not kept.", self.stop, lambda: self.errand.running)
        return [work] if self.errand.running else []

    # The panel

    def toggle(self) -> None:
        """Show the panel or hide it; work that is under way goes on."""
        self.panel.setVisible(self.panel.isHidden() and self._seen)
        if not self.panel.isHidden():
            self.look()
        self.follow()

    def look(self) -> None:
        """Look for models."""
        home, recipes, folders = self._link.home, classifying(self.page.recipes), list(self.folders)

        def work() -> list[RecogniserFacts]:
            named = [facts for one in folders if (facts := facts_of(Path(one), recipes)) is not None]
            found = recognisers(home, recipes)
            return found + [one for one in named if one.path not in {other.path for other in found}]

        def then(found: list[RecogniserFacts]) -> None:
            self.models = found
            self.panel.show_models(found, self.chosen)
            self.follow()

        self.asking.work("Looking for models", work, then)

    @property
    def _live(self) -> bool:
        return self.page.places.currentWidget() is self.page.live

    @property
    def _seen(self) -> bool:
        return self.page.viewing or self._live

    def follow(self) -> None:
        """Another film, another place, work began or ended: enable what can be done now."""
        page, panel = self.page, self.panel
        running = self.errand.running or self.live.running
        film = page.viewing and Path(page.path).is_file()
        ready = bool(self.models) and not running and (page.live.running if self._live else film)
        scores, labels = bool(self.found.windows) and page.viewing, self.labelling.labels is not None
        chosen = page.viewer.scene.selection_s is not None
        can = {
            "recognise": self._seen, "recognise-run": ready, "recognise-stop": running,
            "recognise-look": self._seen and panel.facts is not None and not panel.facts.fixed,
            "recognise-span": scores and labels, "recognise-spans": scores and labels,
            "recognise-train": labels and page.viewing and RECIPE in page.recipes,
        }  # fmt: skip
        for name, able in can.items():
            self.acts[name].setEnabled(able)
        self.acts["recognise"].setVisible(self._seen)
        self.acts["recognise"].setChecked(not panel.isHidden())
        for name, button in panel.keyed().items():
            button.setEnabled(can[name])
        for widget in (panel.labelled, panel.span, panel.spans):
            widget.setVisible(labels and not self._live)
        panel.from_labels.setVisible(labels and not panel.classes.isHidden())
        panel.train.setVisible(labels and not self._live and RECIPE in page.recipes)
        panel.only.setVisible(not self._live)
        panel.only.setEnabled(chosen)
        panel.stride_s.setEnabled(not self._live)
        panel.run.setText("Recognise live" if self._live else "Recognise")
        if not self._seen:
            panel.hide()

    def ask_folder(self) -> None:
        """Choose the folder of a model."""
        dialog = QFileDialog(self.page, "Choose a model that recognises")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(self.add_folder)
        dialog.finished.connect(lambda _: dialog.deleteLater())
        dialog.open()

    def add_folder(self, path: str) -> None:
        """Recognise with the model in a folder from now on, where there is one."""
        recipes = classifying(self.page.recipes)

        def work() -> str:
            for folder in (Path(path), Path(path) / "model"):
                if facts_of(folder, recipes) is not None:
                    return str(folder)
            raise InputError(
                "Nothing in this folder recognises what happens in videos.", expected=EXPECTED,
                received=what_is_in(Path(path)), fix="Choose another folder.", place=path,
            )  # fmt: skip

        def then(folder: str) -> None:
            self.folders = [folder, *(one for one in self.folders if one != folder)][:8]
            self.chosen = folder
            self.remembered.emit()
            self.look()

        self.asking.work("Reading the model's description", work, then)

    def _choose(self) -> None:
        facts = self.panel.facts
        self.chosen = facts.path if facts is not None else ""
        self.panel.tell_model()
        self.remembered.emit()
        self.follow()

    def _another(self) -> None:
        if self.page.path == self._path:
            return
        self._path = self.page.path
        self.errand.stop()
        self.looking.cancel()
        self._show(Recognised(), Series())
        self.panel.conclude("" if not self._path or Path(self._path).is_file() else NO_FILE)
        self.follow()

    # Recognising

    def asked_classes(self) -> tuple[str, ...] | None:
        """The classes to look for, none for a model with its own; None where there is a problem, which is told."""
        facts = self.panel.facts
        if facts is None:
            return None
        if facts.fixed:
            return ()
        try:
            return class_names(self.panel.classes.toPlainText())
        except Problem as problem:
            self.page.failed_with(problem.record())
            self.panel.classes.setFocus()
            return None

    def run(self) -> None:
        """Score the film's windows, or what the camera shows."""
        facts, classes, panel = self.panel.facts, self.asked_classes(), self.panel
        if facts is None or classes is None or self.errand.running:
            return
        self.page.banner.dismiss()
        if self._live:
            self.live.start(facts, classes, panel.window_s.value())
            return
        scene = self.page.viewer.scene
        start_s, end_s = scene.selection_s if panel.only.isChecked() and scene.selection_s else (0.0, 0.0)
        wish = RecognisingWish(
            self.page.path, facts.path, classes, panel.window_s.value(), panel.stride_s.value(), start_s, end_s
        )
        began = time.monotonic()
        self._show(Recognised(), Series())

        def work(stop: threading.Event, tell: Tell) -> tuple[Recognised, Series]:
            return self._read(wish, stop, tell)

        self.errand.start(work, lambda made: self._take(wish, made, time.monotonic() - began))
        panel.say("Waking the model", -1.0)

    def stop(self) -> None:
        """End the work; what was recognised until then stays."""
        self.live.stop()
        if self.errand.running:
            self.errand.ask_stop()
            self.panel.say("Stopping", -1.0)

    def _read(self, wish: RecognisingWish, stop: threading.Event, tell: Tell) -> tuple[Recognised, Series]:
        """On the errand's thread: the answer, drawn as it comes."""
        parts: dict[int, Recognised] = {}
        shown = [0.0]

        def told(part: Recognised, fraction: float, words: str) -> None:
            if part.windows:
                parts[part.first] = part
            said = f"{100 * fraction:.0f} %" if fraction >= 0 else "waiting"
            line = f"{said}, {words}" if words else said
            if time.monotonic() - shown[0] < SHOWN_EVERY_S:
                tell(lambda: self._say(line, fraction))
                return
            shown[0] = time.monotonic()
            whole, series = joined([parts[at] for at in sorted(parts)]), Series()
            series.take(whole)
            tell(lambda: self._say(line, fraction))
            tell(lambda: self._show(whole, series))

        found = recognised(self._link.runner, wish, stop, told)
        series = Series()
        series.take(found)
        return found, series

    def _say(self, line: str, fraction: float) -> None:
        if not self.panel.progress.whole.startswith("Stopping"):
            self.panel.say(line, fraction)

    def _show(self, found: Recognised, series: Series) -> None:
        self.found = found
        self.strip.show_series(series, self.panel.threshold.value() / 100)
        self.strip.setVisible(bool(found.windows))
        self.page.viewer.fit_strips()
        self._tell_frame()

    def _take(self, wish: RecognisingWish, made: tuple[Recognised, Series], seconds: float) -> None:
        if wish.path != self.page.path:
            return
        found, series = made
        self._show(found, series)
        told = f"{count(len(found.windows), 'window')} in {took(seconds)}"
        told += "" if found.complete else f", stopped at {found.reached} of {found.total}"
        self.panel.conclude(
            f"{told}  ·  decode {found.decode_ms:.1f} ms, inference {found.inference_ms:.1f} ms a window"
        )
        self.page.viewer.tell_inference(found.inference_ms)
        facts = self.page.viewer.facts
        known = (self.panel.note.text(), *(facts.notes if facts is not None else ()))  # told when the film was opened
        self.page.note(remarks(found, known))
        self.follow()

    def _rethink(self) -> None:
        threshold = self.panel.threshold.value() / 100
        self.strip.set_threshold(threshold)
        self.live.strip.threshold = threshold
        self.live.strip.update()
        self.remembered.emit()

    def _tell_frame(self) -> None:
        if self._live:
            return
        series = self.strip.series
        at = series.at(self.page.viewer.scene.time_s) if series.windows else -1
        rows = series.ranked(at) if at >= 0 else []
        self.panel.heading.setText("On this frame" if rows or not series.windows else "On this frame: not recognised")
        self.panel.ranking.show_rows([(name, score, series.colour(name)) for name, score in rows])
        if self.acts["recognise-look"].isChecked():
            if self.page.viewer.scene.frame != self._looked_at:  # a map of another frame says nothing of this one
                self.page.viewer.canvas.overlay = None
            self._looks.start()

    # Where it looks

    def _looked(self) -> None:
        on = self.acts["recognise-look"].isChecked()
        self.panel.look.setChecked(on)
        self.live.saliency = on
        if on:
            self._looks.start()
        else:
            self.looking.cancel()
            self.page.viewer.canvas.overlay = None
            self.page.live.canvas.overlay = None

    def _ask_look(self) -> None:
        facts = self.panel.facts
        if not self.acts["recognise-look"].isChecked() or facts is None or facts.fixed or self._live:
            return
        if self.page.viewer.player.playing or not self.page.viewing:
            return
        try:  # who is writing the list anew is not told at every frame that it is empty
            classes = class_names(self.panel.classes.toPlainText())
        except Problem:
            return
        best = self.panel.ranking.rows[0][0] if self.panel.ranking.rows else ""
        label = best if best in classes and self.panel.looks.currentData() == "class" else ""
        self._looked_at = self.page.viewer.scene.frame
        wish = SaliencyWish(self.page.path, facts.path, self.page.viewer.scene.time_s, classes, label)
        self.looking.ask("Looking", "video-saliency", Saliency, self._overlay, **msgspec.to_builtins(wish))

    def _overlay(self, found: Saliency) -> None:
        facts, here = self.page.viewer.facts, self.page.viewer.scene.frame == self._looked_at
        if facts is not None and here and self.acts["recognise-look"].isChecked():
            self.page.viewer.canvas.overlay = whole_frame(found, facts.width / facts.height)

    def _blind(self, record: Any) -> None:
        self.acts["recognise-look"].setChecked(False)
        self.panel.look.setChecked(False)
        self.page.failed_with(record)


class _Kept(msgspec.Struct):
    model: str = ""
    folders: list[str] = []
    classes: str = ""
    window_s: float = 1.0
    stride_s: float = 0.5
    threshold: int = 50
