"""What was recognised as labelled spans, and labelled spans as data to train on."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec
import numpy as np
from PySide6.QtCore import QObject, Qt

from workbench.core.problem import InputError
from workbench.core.recognising import FoundSpan, spans_above
from workbench.core.spans import AnnotatedVideo, LabelledSpan, LabelsWritten, spans_of, tracks_of
from workbench.core.words import count
from workbench.gui.films.labelling import FilmLabelling, name_of
from workbench.gui.films.spanedits import TracksEdit, kept_path
from workbench.gui.sounds import tieredits

if TYPE_CHECKING:
    from workbench.gui.films.recognising import Recognising

RECIPE, SLOT = "dist-image-to-video", "clips"
PARTS = 3
NOTE = "recognised"


class Labels(Protocol):
    """The labelled spans of the film that is open."""

    def names(self) -> list[str]:
        """The labels there are."""

    def colour(self, name: str) -> str:
        """The colour of a label; empty for a word that is none."""

    def add_spans(self, spans: Sequence[LabelledSpan]) -> object:
        """Lay spans on the tracks of their labels, as one edit."""

    def gather(self) -> Callable[[], list[AnnotatedVideo]]:
        """What reads the labels of all films in the list, to be called off the GUI thread."""


class RecognisedSpans(QObject):
    """Nothing of it is at hand before `labels` is set."""

    def __init__(self, owner: Recognising) -> None:
        super().__init__(owner)
        self._owner = owner
        self.labels: Labels | None = None

    def use(self, labels: Labels) -> None:
        """Where spans go from now on."""
        self.labels = labels
        for one in (self._owner.strip, self._owner.live.strip):
            one.own_colour = labels.colour
        self._owner.follow()

    def found(self) -> list[FoundSpan]:
        """Stretches above the threshold."""
        return spans_above(self._owner.found, max(self._owner.panel.threshold.value() / 100, 1e-6))

    def here(self) -> FoundSpan | None:
        """The stretch between in and out point with its likeliest class, or the recognised one on screen."""
        scene, series = self._owner.page.viewer.scene, self._owner.strip.series
        if scene.selection_s is None:
            return next((one for one in self.found() if one.start_s <= scene.time_s < one.end_s), None)
        start_s, end_s = scene.selection_s
        inside = [at for at, (left, right) in enumerate(series.cells) if left < end_s and right > start_s]
        if not inside:
            return None
        mean = series.rows[inside].mean(0)
        best = int(np.argmax(mean))
        return FoundSpan(series.classes[best], start_s, end_s, float(mean[best]))

    def select(self, time_s: float) -> None:
        """The recognised stretch at a time becomes the one between in and out point."""
        found = next((one for one in self.found() if one.start_s <= time_s < one.end_s), None)
        if found is not None:
            scene = self._owner.page.viewer.scene
            scene.select(scene.snapped_s(found.start_s), scene.snapped_s(found.end_s))

    def label_span(self) -> None:
        """Make a label of the stretch here."""
        found = self.here()
        if found is None:
            words = "No class reaches the threshold here; choose a stretch with I and O, or lower it."
            self._owner.page.note([words])
        else:
            self._label([found])

    def label_all(self) -> None:
        """Make labels of all stretches above the threshold."""
        found = self.found()
        if found:
            self._label(found)
        else:
            self._owner.page.note(["No class reaches the threshold anywhere; lower it."])

    def _label(self, found: Sequence[FoundSpan]) -> None:
        snapped = self._owner.page.viewer.scene.snapped_s
        spans = [
            LabelledSpan(one.label, snapped(one.start_s), snapped(one.end_s), round(one.score, 4), NOTE)
            for one in found
        ]
        if self.labels is not None:
            self.labels.add_spans([one for one in spans if one.end_s is not None and one.end_s > one.start_s])
        self._owner.follow()

    def take_names(self) -> None:
        """The labels become the classes to look for."""
        names = self.labels.names() if self.labels is not None else []
        if names:
            self._owner.panel.classes.setPlainText("\n".join(names))

    def train(self) -> None:
        """Write the labels of the films in the list as clips and open the recipe with them as its data."""
        owner, labels = self._owner, self.labels
        if labels is None:
            return
        path = owner.page.path
        apart = hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()[:8]  # films may share a name
        out = owner.page.link.home.edits / "clips" / f"{Path(path).stem}-{apart}.csv"
        facts = owner.panel.facts
        knobs = {"backbone": facts.path} if facts is not None and facts.family == "image-language" else {}
        gather = labels.gather()

        def written(done: LabelsWritten) -> None:
            owner.recipe_wanted.emit(RECIPE, {SLOT: done.path}, knobs)

        def ask(videos: list[AnnotatedVideo]) -> None:
            owner.asking.ask("Writing clips", "spans-clips", LabelsWritten, written,
                             videos=msgspec.to_builtins(videos), out=str(out))  # fmt: skip

        owner.asking.work("Reading labels", lambda: parted(gather()), ask)


def parted(videos: Sequence[AnnotatedVideo]) -> list[AnnotatedVideo]:
    """Labelled videos as they are where every class is in PARTS of them; else each class's spans, in their order,
    divided into training, validation and test: what is told of such a test holds for these videos only.

    Raises InputError where there are fewer than two classes, or no class has a span for each part.
    """
    places: dict[str, list[tuple[str, LabelledSpan]]] = {}
    for video in videos:
        for one in video.spans:
            if one.end_s != one.start_s:
                places.setdefault(one.label, []).append((video.name, one))
    longest = max(map(len, places.values()), default=0)
    if len(places) < 2 or longest < PARTS:
        there = f"{count(sum(map(len, places.values())), 'span')} of {count(len(places), 'class', 'classes')}"
        raise InputError(
            "There is too little to learn from.",
            expected=f"two classes, and {PARTS} spans of one at least: to train on, to choose by, to test on",
            received=there, fix="Label more spans, of this video or of others in the list.",
        )  # fmt: skip
    if all(len({name for name, _ in rows}) >= PARTS for rows in places.values()):
        return list(videos)
    made: dict[tuple[str, str], AnnotatedVideo] = {}
    for rows in places.values():
        for at, (name, one) in enumerate(sorted(rows, key=lambda row: (row[0], row[1].start_s))):
            part = _part(at, len(rows))
            made.setdefault((name, part), AnnotatedVideo(name, [], split=part)).spans.append(one)
    return list(made.values())


def _part(at: int, of: int) -> str:
    """The last fifth of a class's spans is the test, what comes before it chooses; a span alone is learned from."""
    test = max(1, round(0.2 * of)) if of > 1 else 0
    validation = max(1, round(0.15 * of)) if of > test + 1 else 0
    if at >= of - test:
        return "test"
    return "validation" if at >= of - test - validation else "train"


class FilmLabels:
    """The page's tracks of labelled spans, as what `Labels` says."""

    def __init__(self, labelling: FilmLabelling) -> None:
        self._labelling = labelling

    def names(self) -> list[str]:
        """The tracks, then the other words of the vocabulary."""
        strip = self._labelling.strip
        return list(dict.fromkeys([*(tier.name for tier in strip.doc.tiers), *(one.name for one in strip.vocabulary)]))

    def colour(self, name: str) -> str:
        """The colour of a label; empty for a word that is none."""
        strip = self._labelling.strip
        return strip.colour_of(name) if any(one.name == name for one in strip.vocabulary) else ""

    def gather(self) -> Callable[[], list[AnnotatedVideo]]:
        """What reads the labels of all films in the list, to be called off the GUI thread."""
        page, edits = self._labelling.page, self._labelling.link.home.edits
        here, spans = page.path, spans_of(self._labelling.strip.doc)
        rows = [page.files.item(at).data(Qt.ItemDataRole.UserRole) for at in range(page.files.count())]

        def read() -> list[AnnotatedVideo]:
            videos = [AnnotatedVideo(here, spans)]
            for path in (str(one) for one in rows if str(one) != here):
                with contextlib.suppress(OSError):
                    doc = tieredits.kept(kept_path(edits, name_of(Path(path))))
                    videos += [AnnotatedVideo(path, spans_of(doc))] if doc is not None else []
            return videos

        return read

    def add_spans(self, spans: Sequence[LabelledSpan]) -> None:
        """Lay spans on the tracks of their labels, as one edit; those of one label that overlap become one."""
        labelling, strip = self._labelling, self._labelling.strip
        if not labelling.ready:
            return
        tracks = [tier.name for tier in strip.doc.tiers]
        doc, joined = tracks_of([*spans_of(strip.doc), *spans], tracks)
        strip.document.push(
            TracksEdit(strip.doc, doc.tiers, strip.told, f"Label {count(len(spans), 'recognised span')}")
        )
        for name in dict.fromkeys(one.label for one in spans):
            labelling.panel.label_made.emit(name)
        labelling.panel.show()
        labelling.page.note([f"{count(len(spans), 'span')} labelled; Undo takes it back.", *joined])
