"""Voices that say a text: enrolled from the sound that is open, seen on a map, heard, compared, taken away."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QInputDialog

from workbench.core.audio import SoundFile
from workbench.core.cloning import (
    ClonedVoice,
    MapWish,
    Said,
    SayWish,
    VoiceMap,
    VoiceSource,
    VoiceWish,
    file_stem,
)
from workbench.core.problem import InputError, ProblemRecord
from workbench.core.sayable import sayable
from workbench.core.speakers import EnrolWish, VoiceProfile
from workbench.gui.actions import make_action
from workbench.gui.asking import Asking
from workbench.gui.sounds.clonepanel import ClonePanel
from workbench.gui.sounds.saidstrip import SaidStrip
from workbench.gui.sounds.voicedialogs import PRIVACY
from workbench.gui.sounds.voicesathand import VoicesAtHand, sources_of
from workbench.gui.sounds.waves import Sound, open_sound
from workbench.store.models import ModelFacts
from workbench.store.synthesisers import synthesisers

if TYPE_CHECKING:
    from workbench.gui.sounds.page import SoundsPage

FIRST_TEXT = "The old man found a yellow boat near the river."
ORIGINAL_S = 10.0
MOST_SAID = 64


class Cloning(QObject):
    """Named voices live in the store, voices that nobody has in their seeds; what is only enrolled goes with the page.

    What was said is found again as long as the page is there.
    """

    remembered = Signal()
    """What is to be kept of the panel has changed."""

    def __init__(self, page: SoundsPage) -> None:
        super().__init__(page)
        self.page, self._link = page, page.link
        self.voices = VoicesAtHand()
        self.model = ""
        """The folder of a run's synthesiser; empty for the shipped one."""
        self.chosen: VoiceSource | None = None
        self.said: Said | None = None
        self._heard: dict[tuple[VoiceSource, str, str], Said] = {}
        self._records, self._seen = False, 0
        self.dialog: QInputDialog | QFileDialog | None = None
        self.asking = Asking(page.link, self, failed=self._fail)
        self.placing = Asking(page.link, self, failed=self._fail)
        self.panel = ClonePanel(SaidStrip(page.link))
        self.panel.hide()
        self.panel.text.setPlainText(FIRST_TEXT)
        self.strip = self.panel.strip
        doing = {
            "clone": self.toggle, "clone-enrol": self.enrol, "clone-record": self.record,
            "clone-nobody": self.draw, "clone-remember": self.ask_name, "clone-remove": self.remove,
            "clone-speak": self.speak, "clone-stop": self.stop, "clone-play": self.strip.play,
            "clone-original": self.play_original, "clone-open": self.open_said, "clone-export": self.ask_place,
        }  # fmt: skip
        self.acts = {name: make_action(page, f"sounds.{name}", do, checkable=name == "clone")
                     for name, do in doing.items()}  # fmt: skip
        self._wire()

    def _wire(self) -> None:
        panel, page = self.panel, self.page
        for name, button in panel.buttons.items():
            act = page.speaking.acts["speakers-voices"] if name == "voices" else self.acts[f"clone-{name}"]
            button.clicked.connect(act.trigger)
        panel.list.currentRowChanged.connect(lambda _: self._choose_row())
        panel.list.itemDoubleClicked.connect(lambda _: self.speak())
        panel.map.enclosed.connect(self._hear_point)
        panel.text.textChanged.connect(self._text_changed)
        self.strip.able.connect(self.follow)
        self.asking.changed.connect(lambda _: self.follow())
        self.placing.changed.connect(lambda _: self.follow())
        page.transcribing.acts["transcribe"].triggered.connect(lambda _: self.follow())
        page.speaking.acts["speakers-voices"].triggered.connect(lambda _: self._watch_dialog())
        page.viewer.edited.connect(self.follow)
        page.viewer.scene.selected.connect(self._selected)
        panel.model.activated.connect(lambda _: self._choose_model())
        page.recorder.recorded.connect(self._recorded)
        page.recorder.left.connect(self._record_no_more)

    # What is remembered

    def values(self) -> dict[str, Any]:
        """The text, and the seeds of voices that nobody has."""
        return {"text": self.panel.text.toPlainText(), "seeds": self.voices.seeds}

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Back to what was remembered; anything else is passed by."""
        try:
            self.voices.seeds = [one for one in msgspec.convert(values.get("seeds", []), list[int]) if one >= 0]
            text = msgspec.convert(values.get("text", FIRST_TEXT), str)
        except msgspec.ValidationError:
            return
        self.panel.text.setPlainText(text)

    def toggle(self) -> None:
        """Show the panel or hide it; work that is under way goes on."""
        self.panel.setVisible(self.panel.isHidden())
        if not self.panel.isHidden():
            self.page.transcribing.panel.hide()
            self.page.transcribing.follow()
            self.strip.listen()
            self.look()
        self.follow()

    def look(self) -> None:
        """Ask for the map of voices, and with it for those that are remembered; look for synthesisers of runs."""
        home, self._seen = self._link.home, self._stamp()
        self._link.background(lambda: synthesisers(home), then=self._take_models, owner=self)
        wish = msgspec.to_builtins(MapWish(self.model))
        self.placing.ask("Placing voices", "clone-map", VoiceMap, self._take_map, **wish)

    def _take_models(self, found: list[ModelFacts]) -> None:
        if self.model and self.model not in [one.path for one in found]:
            self.model = ""
        self.panel.show_models(found, self.model)

    def _choose_model(self) -> None:
        chosen = str(self.panel.model.currentData() or "")
        if chosen != self.model:
            self.model, self.chosen = chosen, None
            self.voices.forget_places()
            self.look()
            self.follow()

    def _take_map(self, found: VoiceMap) -> None:
        self.voices.map = found
        profiles = [one.source for one in found.remembered]
        if self.chosen is not None and self.chosen.profile and self.chosen not in profiles:
            self.chosen = None
        if self.chosen is None and found.remembered:
            self.chosen = found.remembered[0].source
        self._place_next()
        self.follow()

    def _place_next(self) -> None:
        """Voices of last time, or of another model, have no place yet: they get theirs one after the other."""
        source = self.voices.unknown()
        if source is not None:

            def then(found: ClonedVoice) -> None:
                self.voices.add(source, found)
                self._place_next()
                self.follow()

            self._know(self.placing, source, then)

    def follow(self) -> None:
        """Another sound is open, or something was selected, edited, begun or ended."""
        page, panel, asking = self.page, self.panel, self.asking
        self.check_store()
        if page.places.currentWidget() is page.batch:
            panel.hide()
        if not page.transcribing.panel.isHidden():
            panel.hide()
        self.acts["clone"].setChecked(not panel.isHidden())
        self.acts["clone"].setVisible(page.places.currentWidget() is not page.batch)
        if panel.isHidden():
            return
        panel.show_sources(sources_of(page))
        panel.say_far(asking.doing or self.placing.doing, asking.words, asking.fraction)
        self._show()
        running, one = bool(asking.doing), self.voices.find(self.chosen)
        ready = self.chosen is not None and not panel.wrong.text()
        can = {
            "enrol": panel.source.count() > 0 and not running, "record": not running,
            "nobody": not running and bool(self.voices.map.learned),
            "remember": one is not None and one.kind == "enrolled" and not self.model,
            "remove": one is not None and one.kind in ("enrolled", "nobody's"), "speak": ready and not running,
            "stop": running, "play": self.said is not None and self.strip.audible,
            "original": self.said is not None and self.strip.audible and self._original() is not None,
            "open": self.said is not None, "export": self.said is not None,
        }  # fmt: skip
        for name, able in can.items():
            self.acts[f"clone-{name}"].setEnabled(able)
            panel.buttons[name].setEnabled(able)
        panel.buttons["play"].setText("Halt" if self.strip.player.playing else "Play")

    def _show(self) -> None:
        at_hand, panel = self.voices, self.panel
        panel.show_voices(at_hand.all(), self.chosen)
        panel.show_map(at_hand.points(), self.chosen)
        panel.show_notes(at_hand.notes(self.chosen))

    def _selected(self) -> None:
        """While something is being selected only the entry of the selection changes."""
        if not self.panel.isHidden():
            self.panel.show_sources(sources_of(self.page))

    # Enrolling

    def enrol(self) -> None:
        """Know the voice that is chosen above the list."""
        source = self.panel.source.currentData()
        if isinstance(source, VoiceSource):
            self.enrol_voice(source)

    def enrol_voice(self, source: VoiceSource) -> None:
        """Know a voice, list it, and have it at hand."""
        self.page.banner.dismiss()

        def then(found: ClonedVoice) -> None:
            self.voices.add(source, found)
            self._choose(source)

        self._know(self.asking, source, then)

    def _know(self, asking: Asking, source: VoiceSource, then: Any) -> None:
        doing = "Drawing a voice" if source.seed >= 0 else "Listening to the voice"
        asking.ask(doing, "clone-voice", ClonedVoice, then, **msgspec.to_builtins(VoiceWish(source, self.model)))

    def record(self) -> None:
        """Record from the microphone; the voice is enrolled when the recording ends."""
        self._records = True
        self.page.record()

    def _recorded(self, path: str) -> None:
        if self._records:
            self._records = False
            self.enrol_voice(VoiceSource(path))

    def _record_no_more(self) -> None:
        self._records = False

    def draw(self) -> None:
        """Take a voice that nobody has, and let it speak."""
        source = VoiceSource(seed=max([*self.voices.seeds, 0]) + 1)

        def then(found: ClonedVoice) -> None:
            self.voices.add(source, found)
            self._choose(source)
            self.remembered.emit()
            self.speak()

        self._know(self.asking, source, then)

    def remove(self) -> None:
        """Take the chosen voice off the list; one that is remembered is deleted under “Voices…”."""
        if self.chosen is not None:
            self.voices.remove(self.chosen)
            self.remembered.emit()
        self._choose(next((one.source for one in self.voices.all()), None))

    def ask_name(self) -> None:
        """Ask under which name the chosen voice is to be remembered."""
        one = self.voices.find(self.chosen)
        if one is None:
            return
        dialog = QInputDialog(self.page)
        dialog.setWindowTitle("Remember this voice")
        # The dialog's label does not wrap by itself.
        dialog.setLabelText(textwrap.fill(PRIVACY, 72) + "\n\nName")
        dialog.setTextValue(one.title)
        dialog.textValueSelected.connect(lambda name: self.remember(one.source, name))
        dialog.finished.connect(lambda _: dialog.deleteLater())
        self.dialog = dialog
        dialog.open()

    def remember(self, source: VoiceSource, name: str) -> None:
        """Keep an enrolled voice under a name, in the one store of voices."""
        wish = EnrolWish(source.path, name, source.spans)

        def then(profile: VoiceProfile) -> None:
            self.voices.remove(source)
            self._choose(VoiceSource(profile=profile.id))
            self.look()

        self.asking.ask(f"Remembering {name}", "voice-enrol", VoiceProfile, then, **msgspec.to_builtins(wish))

    def check_store(self) -> None:
        """Whoever remembered or forgot a voice, here, in a dialog or in a terminal: the list follows."""
        if not self.panel.isHidden() and self._stamp() != self._seen:
            self.look()

    def _watch_dialog(self) -> None:
        dialog = self.page.speaking.dialog
        if dialog is not None:
            dialog.finished.connect(lambda _: self._link.later(self.check_store))

    def _stamp(self) -> int:
        try:
            return self._link.home.voices.stat().st_mtime_ns
        except OSError:
            return 0  # no voice was ever remembered

    def _choose_row(self) -> None:
        one = self.panel.chosen()
        if one is not None:
            self._choose(one.source)

    def _choose(self, source: VoiceSource | None) -> None:
        self.chosen = source
        self.follow()

    # Speaking

    def _text_changed(self) -> None:
        text, wrong = self.panel.text.toPlainText(), ""
        try:
            sayable(text)
        except InputError as problem:
            wrong = f"{problem.what} {problem.received}" if text.strip() else " "
        self.panel.show_wrong(wrong)
        self.panel.wrong.setVisible(bool(wrong.strip()))
        self.follow()

    def speak(self) -> None:
        """Say the text with the chosen voice; what was said before is there at once."""
        source, text = self.chosen, self.panel.text.toPlainText()
        if source is None or self.panel.wrong.text() or self.asking.doing:
            return
        self.page.banner.dismiss()
        self.remembered.emit()
        before = self._heard.get((source, text, self.model))
        if before is not None and Path(before.sound).is_file():
            self._read(before)
            return

        model = self.model

        def then(said: Said) -> None:
            if len(self._heard) >= MOST_SAID:
                del self._heard[next(iter(self._heard))]
            self._heard[source, text, model] = said
            self._read(said)

        self.asking.ask("Speaking", "clone-say", Said, then, **msgspec.to_builtins(SayWish(source, text, model)))

    def stop(self) -> None:
        """End the work; what was said before stays."""
        self.asking.cancel()
        self.follow()

    def _read(self, said: Said) -> None:
        from workbench.gui.views.audio import read_wave

        self.asking.work("Opening what was said", lambda: read_wave(Path(said.sound), {}),
                         lambda sound: self._take_sound(said, sound))  # fmt: skip

    def _take_sound(self, said: Said, sound: Sound) -> None:
        self.said = said
        self.panel.show_said(said)
        self.strip.show_sound(sound)
        self.follow()
        self.page.viewer.player.halt()
        self.strip.play()

    def _hear_point(self, chosen: NDArray[Any]) -> None:
        if len(chosen) == 1 and int(chosen[0]) < len(self.panel.points) and not self.asking.doing:
            self._choose(self.panel.points[int(chosen[0])].source)
            self.speak()

    # Comparing and taking away

    def _original(self) -> VoiceSource | None:
        """The sound that the voice was told by; remembered voices are numbers only."""
        return self.chosen if self.chosen is not None and self.chosen.path else None

    def play_original(self) -> None:
        """Play the speech that the voice was told by, at most so much of it; halt while something plays."""
        source = self._original()
        if self.strip.player.playing:
            self.strip.player.halt()
        elif source is not None:
            begin, end = source.spans[0] if source.spans else (0.0, ORIGINAL_S)
            span = begin, min(end, begin + ORIGINAL_S)

            def then(found: SoundFile) -> None:
                self.strip.play_other(open_sound(found), span)

            self.asking.ask("Opening the original", "sound", SoundFile, then, path=source.path, whole=True)

    def open_said(self) -> None:
        """See what was said as a sound of the page."""
        if self.said is not None:
            self.page.open_paths([self.said.sound])

    def ask_place(self) -> None:
        """Ask where to write what was said."""
        if self.said is None:
            return
        dialog = QFileDialog(self.page, "Export what was said")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters(["WAV, marked as synthetic (*.wav)"])
        dialog.setDefaultSuffix("wav")
        dialog.selectFile(f"{file_stem(self.said.title)}.wav")
        dialog.fileSelected.connect(lambda name: self.export(Path(name)))
        dialog.finished.connect(lambda _: dialog.deleteLater())
        self.dialog = dialog
        dialog.open()

    def export(self, out: Path) -> None:
        """Copy what was said, with the comment that tells that it is synthetic."""
        if self.said is not None:
            sound = self.said.sound
            self.asking.work(f"Writing {out.name}", lambda: shutil.copyfile(sound, out),
                             lambda _: self.page.note([f"Written to {out}"]))  # fmt: skip

    def _fail(self, record: ProblemRecord) -> None:
        self.follow()
        self.page.failed_with(record)
