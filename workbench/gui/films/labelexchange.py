"""Files of labels on the page of videos: annotations in and out, and spans as a list of clips to train on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QFileDialog

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
from workbench.gui.asking import Asking
from workbench.gui.films import spanedits
from workbench.gui.savedialog import ask_where
from workbench.gui.sounds import tieredits

if TYPE_CHECKING:
    from workbench.gui.films.labelling import FilmLabelling

ENDINGS = {"csv": ".csv", "activitynet": ".json", "eaf": ".eaf", "elan-tab": ".txt", "boris": ".tsv",
           "kinetics": ".csv", "charades-sta": ".txt", "srt": ".srt"}  # fmt: skip
"""What can be written of one video's spans; lists of whole videos are the command line's."""


class LabelExchange(QObject):
    """The worker reads and writes; what it had to leave out is told above the film."""

    def __init__(self, labelling: FilmLabelling) -> None:
        super().__init__(labelling)
        self._of = labelling
        self.asking = Asking(labelling.link, self, failed=labelling.page.failed_with)

    def ask_open(self) -> None:
        """Choose a file of annotations."""
        kinds = f"Annotations ({' '.join(f'*{one}' for one in LABEL_SUFFIXES)})"
        dialog = QFileDialog(self._of.page, "Open labels", str(Path(self._of.page.path).parent))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters([kinds, "All files (*)"])
        dialog.fileSelected.connect(self.read)
        dialog.finished.connect(lambda _: dialog.deleteLater())
        dialog.open()

    def read(self, path: str, labels_from: str = "tier") -> None:
        """Put the annotations of a file beside the spans that are there; of ELAN's, tiers or 'value's are labels."""
        number = self._of.number

        def then(file: LabelFile) -> None:
            if number == self._of.number:
                tiers = labels_from == "tier" and file.format in ("eaf", "elan-tab")
                self.take(Path(path).name, file, otherwise=(lambda: self.read(path, "value")) if tiers else None)

        name = Path(self._of.page.path).name
        self.asking.ask("Reading labels", "spans", LabelFile, then, path=path, of=name,
                        labels_from=labels_from)  # fmt: skip

    def take(self, name: str, file: LabelFile, *, otherwise: Callable[[], None] | None = None) -> None:
        """Put what a file says of this film beside the spans that are there; `otherwise` reads it the other way."""
        page, scene = self._of.page, self._of.viewer.scene
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
        strip = self._of.strip
        doc, joined = tracks_of([*spans_of(strip.doc), *kept], [tier.name for tier in strip.doc.tiers])
        strip.document.push(spanedits.TracksEdit(strip.doc, doc.tiers, strip.told, f"Labels of {name}"))
        for label in (*file.labels, *(tier.name for tier in doc.tiers)):
            self._of.learn(label)
        self._of.panel.show()
        page.note([f"{counted(len(kept), 'span')} from {name}", *outside, *joined, *notes])
        stack, here = strip.document.stack, strip.document.stack.index()

        def turn() -> None:
            if stack.index() == here:  # nothing was edited since: the tiers go
                strip.document.undo()
            if otherwise is not None:
                otherwise()

        if otherwise is not None and any(one.note for one in kept):
            told = f"{counted(len(kept), 'span')} from {name}: the tiers are the labels, texts their notes."
            page.banner.show_note("\n".join([told, *outside, *joined]), ("Texts as labels", turn))

    def ask_save(self) -> None:
        """Ask where to and as what."""
        if not self._of.ready:
            return
        kinds = {f"{LABEL_FORMATS[form]} (*{ending})": form for form, ending in ENDINGS.items()}
        page = self._of.page
        proposed = Path(page.path).with_name(f"{Path(page.path).stem}-labels")
        endings = {name: ENDINGS[form] for name, form in kinds.items()}
        dialog = ask_where(
            page, "Save labels as", proposed, endings, failed=page.failed_with,
            then=lambda out: self.write(out, kinds[dialog.selectedNameFilter()]),
        )  # fmt: skip

    def write(self, out: Path, form: str) -> None:
        """Write the spans of the film in a format."""
        # A table of one video's spans, beside it, needs no column of its name.
        name = "" if form in ("csv", "srt", "elan-tab") else Path(self._of.page.path).name
        video = AnnotatedVideo(name, spans_of(self._of.strip.doc), self._of.viewer.scene.duration_s)
        file = LabelFile(form, [video], tuple(tier.name for tier in self._of.strip.doc.tiers))
        self.asking.ask(f"Writing {out.name}", "spans-export", LabelsWritten, self._written,
                        file=msgspec.to_builtins(file), out=str(out), format=form)  # fmt: skip

    def _written(self, done: LabelsWritten) -> None:
        self._of.page.note([f"{counted(done.spans, 'span')} written to {done.path}", *done.notes])

    def ask_clips(self) -> None:
        """Ask where to write the list of clips."""
        if not self._of.ready:
            return
        page = self._of.page
        ask_where(page, "Spans as training data", Path(page.path).with_name("clips"), {"List of clips (*.csv)": ".csv"},
                  then=self.write_clips, failed=page.failed_with)  # fmt: skip

    def write_clips(self, out: Path) -> None:
        """Write the spans of this film, and of all others in the list, as clips that recipes read."""
        here, spans, edits = self._of.page.path, spans_of(self._of.strip.doc), self._of.link.home.edits
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
            self.asking.ask(f"Writing {out.name}", "spans-clips", LabelsWritten, self._written, videos=videos,
                            out=str(out))  # fmt: skip

        self._of.link.background(gather, then=ask, failed=self._of.page.failed_with, owner=self)

    def _listed(self) -> list[str]:
        files = self._of.page.files
        return [str(files.item(at).data(Qt.ItemDataRole.UserRole)) for at in range(files.count())]


def name_of(path: Path) -> str:
    """What a film's labels are kept under: what the file holds, or the names and sizes of a folder's pictures."""
    if path.is_dir():
        import hashlib

        facts = sorted(f"{one.name}:{one.stat().st_size}" for one in path.iterdir() if one.is_file())
        return hashlib.blake2b("\n".join(facts).encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
    return content_digest(path)
