"""Who spoke when in the sound that is open: found, named everywhere at once, played, remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject

from workbench.core.problem import ProblemRecord
from workbench.core.speakers import (
    Diarised,
    DiariseWish,
    EnrolWish,
    Voice,
    VoiceProfile,
    speaker_during,
    speakers_of,
    speakers_tier,
    talk_time,
)
from workbench.gui.actions import make_action
from workbench.gui.asking import Asking
from workbench.gui.sounds.remembering import Naming, Remembering
from workbench.gui.sounds.speakeredits import NewTurns, renames, words_given
from workbench.gui.sounds.speakerpanel import SpeakerPanel
from workbench.gui.sounds.voicedialogs import NameDialog, VoicesDialog
from workbench.gui.theme import tokens

if TYPE_CHECKING:
    from workbench.gui.sounds.page import SoundsPage


class Speaking(QObject):
    """The tiers are the truth: the list, the colours and the map follow what a person makes of them."""

    def __init__(self, page: SoundsPage) -> None:
        super().__init__(page)
        self.page, self._link = page, page.link
        self.result: Diarised | None = None
        self.points: NDArray[np.float64] | None = None
        self.dialog: NameDialog | VoicesDialog | None = None
        self._path = ""
        self._turns: list[tuple[int, int]] = []
        self.asking = Asking(page.link, self, failed=self._fail)
        self.remembering = Remembering(page.link, self)
        self.remembering.remembered.connect(self._remembered)
        self.remembering.told.connect(lambda words: page.note([words]))
        self.remembering.failed.connect(self._fail)
        self.panel = SpeakerPanel()
        self.panel.hide()
        doing = {
            "speakers": self.toggle, "speakers-run": self.run, "speakers-stop": self.stop,
            "speakers-name": self.name, "speakers-play": self.play, "speakers-voices": self.show_voices,
            "speakers-words": self.give_words,
        }  # fmt: skip
        self.acts = {name: make_action(page, f"sounds.{name}", do, checkable=name == "speakers")
                     for name, do in doing.items()}  # fmt: skip
        panel = self.panel
        for button, name in ((panel.run, "run"), (panel.stop, "stop"), (panel.rename, "name"), (panel.play, "play"),
                             (panel.voices, "voices")):  # fmt: skip
            button.clicked.connect(self.acts[f"speakers-{name}"].trigger)
        panel.map.enclosed.connect(self._hear_point)
        self.asking.changed.connect(lambda _: self.follow())
        page.viewer.edited.connect(self.follow)
        page.viewer.player.changed.connect(self._next_turn)

    def toggle(self) -> None:
        """Show the panel or hide it; work that is under way goes on."""
        self.panel.setVisible(self.panel.isHidden() and self.page.viewing)
        self.follow()

    def follow(self) -> None:
        """Another sound is open, or its tiers were edited, or work began or ended."""
        page, asking = self.page, self.asking
        if page.path != self._path:
            self._path, self.result, self.points = page.path, None, None
            asking.cancel()
        if not page.viewing:
            self.panel.hide()
        doc = page.viewer.tiers.doc
        tier = speakers_tier(doc)
        running = bool(asking.doing)
        can = {
            "speakers": page.viewing, "speakers-run": page.viewing and not running, "speakers-stop": running,
            "speakers-name": page.viewing and tier is not None, "speakers-play": page.viewing and tier is not None,
            "speakers-words": page.viewing and tier is not None, "speakers-voices": True,
        }  # fmt: skip
        for name, able in can.items():
            self.acts[name].setEnabled(able)
        self.acts["speakers"].setVisible(page.viewing)
        self.acts["speakers"].setChecked(not self.panel.isHidden())
        self.panel.run.setEnabled(can["speakers-run"])
        self.panel.stop.setEnabled(running)
        self.panel.rename.setEnabled(can["speakers-name"])
        self.panel.say_far(asking.doing, asking.words, asking.fraction)
        if not self.panel.isHidden():
            self._show()

    def _show(self) -> None:
        doc = self.page.viewer.tiers.doc
        tier = speakers_tier(doc)
        talk = talk_time(tier) if tier is not None else {}
        told = {one.name: one for one in self.result.voices} if self.result is not None else {}
        found = [
            msgspec.structs.replace(told.get(name, Voice(name, 0.0, 0)), talk_s=seconds, turns=turns)
            for name, (seconds, turns) in talk.items()
        ]  # fmt: skip
        every = speakers_of(doc)
        colours = [tokens().categories[every.index(one.name) % len(tokens().categories)] for one in found]
        self.panel.show_speakers(found, self._words(found), colours)
        if self.result is not None and self.points is not None and tier is not None:
            half = self.result.window_s / 4
            whose = [speaker_during(tier.segments, at - half, at + half) for at in self.result.centres_s]
            self.panel.show_map(self.points, whose)
        else:
            self.panel.show_map(None, [])

    def _words(self, found: list[Voice]) -> str:
        if self.result is None:
            return "" if found else "Run tells who speaks when. The sound stays on this machine."
        many = f"{len(found)} speaker{'s' if len(found) != 1 else ''} in {self.result.speech_s:.1f} s of speech"
        notes = "; ".join(self.result.notes)
        return f"{many} ({self.result.seconds:.1f} s)." + (f" {notes[:1].upper()}{notes[1:]}." if notes else "")

    # Finding

    def run(self) -> None:
        """Ask who speaks when; what stood in the speakers' tier before is an undo away."""
        page = self.page
        if not page.viewing or self.asking.doing:
            return
        page.banner.dismiss()
        if self.panel.isHidden():
            self.toggle()
        path = page.path
        wish = msgspec.to_builtins(DiariseWish(path, self.panel.number.value()))
        self.asking.ask("Finding speakers", "diarise", Diarised, lambda found: self._take(path, found), **wish)

    def stop(self) -> None:
        """End the work; the tiers stay as they are."""
        self.asking.cancel()
        self.follow()

    def _take(self, path: str, found: Diarised) -> None:
        if path != self.page.path:
            return
        self.result, self.points = found, None
        strip = self.page.viewer.tiers
        strip.document.push(NewTurns(strip.doc, found.tier, strip.told))
        self._link.background(
            lambda: np.load(found.points, allow_pickle=False).astype(np.float64), then=self._take_points,
            failed=self._fail, owner=self,
        )  # fmt: skip
        self.follow()

    def _take_points(self, points: NDArray[np.float64]) -> None:
        self.points = points
        self.follow()

    def give_words(self) -> None:
        """Words and segments get the speakers of the turns that they lie in."""
        strip = self.page.viewer.tiers
        edit = words_given(strip.doc, strip.told)
        if edit is not None:
            strip.document.push(edit)
        else:
            self.page.note(["Every word has its speaker already, or there are no words."])

    # Naming

    def name(self) -> None:
        """Ask for the name of the speaker that is selected, or of the marked segment."""
        strip = self.page.viewer.tiers
        marked = strip.segment()
        who = self.panel.chosen() if not self.panel.isHidden() else ""
        who = who or (marked.speaker if marked is not None else "") or next(iter(speakers_of(strip.doc)), "")
        if who:
            told = self._voice(who)
            self.dialog = NameDialog(self.page, who, speakers_of(strip.doc),
                                     likeness=told.likeness if told is not None and told.known else "")  # fmt: skip
            self.dialog.named.connect(lambda name, remember: self.rename(who, name, remember=remember))
            self.dialog.open()

    def rename(self, who: str, name: str, *, remember: bool) -> None:
        """Give a speaker another name everywhere; with `remember` the worker keeps the voice under it."""
        strip = self.page.viewer.tiers
        tier = speakers_tier(strip.doc)
        spans = [(one.start_s, one.end_s) for one in tier.segments if one.speaker == who] if tier is not None else []
        told = self._voice(who)
        before, remember = self.result, remember and bool(spans)
        after = before
        if before is not None:
            voices = tuple(msgspec.structs.replace(one, name=name, known=False) if one.name == who else one
                           for one in before.voices)  # fmt: skip
            after = msgspec.structs.replace(before, voices=voices)

        def turned(naming: Naming, stands: bool) -> None:
            if self.result is before or self.result is after:
                self.result = after if stands else before
            self.remembering.turn(naming, stands=stands)
            self.follow()

        changes = renames(strip.doc, who, name)
        if changes or remember:
            edit = Naming(strip.doc, changes, strip.told, text=f"Name {name}", turned=turned)
            strip.document.push(edit)
            if remember:
                wrong = told.profile if told is not None and told.known and told.likeness != name else ""
                self.remembering.learn(EnrolWish(self.page.path, name, tuple(spans), wrong), edit)

    def _remembered(self, one: VoiceProfile) -> None:
        self.page.note([f"The voice of {one.name} is remembered from {one.seconds:.0f} s of speech. It is biometric "
                        "data: it stays on this machine until it is deleted under Voices…; Undo takes it back, "
                        "too."])  # fmt: skip

    def _voice(self, name: str) -> Voice | None:
        voices = self.result.voices if self.result is not None else ()
        return next((one for one in voices if one.name == name), None)

    def show_voices(self) -> None:
        """Open the list of voices that are remembered."""
        self.dialog = VoicesDialog(self.page, self._link)
        self.dialog.open()

    # Hearing

    def play(self) -> None:
        """Play the turns of the selected speaker one after the other; halt while something plays."""
        viewer, who = self.page.viewer, self.panel.chosen()
        if viewer.player.playing:
            self._turns = []
            viewer.player.halt()
            return
        tier, rate = speakers_tier(viewer.tiers.doc), viewer.scene.rate_hz
        who = who or next(iter(speakers_of(viewer.tiers.doc)), "")
        segments = tier.segments if tier is not None else []
        turns = [(round(one.start_s * rate), round(one.end_s * rate)) for one in segments if one.speaker == who]
        # From the cursor on; all of them where none is left.
        self._turns = [one for one in turns if one[1] > viewer.scene.cursor + 1] or turns
        self._begin_turn()

    def _begin_turn(self) -> None:
        viewer = self.page.viewer
        if self._turns and viewer.scene.sound is not None and viewer.acts["play"].isEnabled():
            first, last = self._turns[0]
            viewer.scene.place(first, follow=True)
            viewer.player.play(viewer.scene.sound, first, last)

    def _next_turn(self) -> None:
        """A turn has ended: the next one; nothing where a person halted it."""
        player = self.page.viewer.player
        if not self._turns or player.playing:
            return
        if player.finished:
            del self._turns[0]
            # Later: the player has to tell where it came to first.
            self._link.later(self._begin_turn)
        else:
            self._turns = []

    def _hear_point(self, chosen: NDArray[np.int64]) -> None:
        viewer = self.page.viewer
        if self.result is None or not len(chosen) or viewer.scene.sound is None:
            return
        at, half = self.result.centres_s[int(chosen[0])], self.result.window_s / 2
        first, last = (round(edge * viewer.scene.rate_hz) for edge in (max(at - half, 0.0), at + half))
        self._turns = []
        viewer.scene.select(first, last)
        viewer.scene.place(first, follow=True)
        if viewer.acts["play"].isEnabled():
            viewer.player.play(viewer.scene.sound, first, min(last, viewer.scene.samples))

    def _fail(self, record: ProblemRecord) -> None:
        self.follow()
        self.page.failed_with(record)
