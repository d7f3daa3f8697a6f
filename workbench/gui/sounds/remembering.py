"""Voices that are remembered from the page, one after the other; taking a naming back forgets what it taught."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from PySide6.QtCore import QObject, Signal

from workbench.core.audio import TiersDoc
from workbench.core.problem import ProblemRecord
from workbench.core.speakers import EnrolWish, VoiceProfile
from workbench.gui.link import Link
from workbench.gui.sounds.speakeredits import SpeakerEdit, Told
from workbench.store import voicechanges
from workbench.store.voicechanges import Kept, VoiceChange


class Naming(SpeakerEdit):
    """Another name for a speaker, and what of the remembered voices goes with it.

    `turned` hears every time whether the name stands (True) or was taken back.
    """

    def __init__(
        self, doc: TiersDoc, changes: Sequence[tuple[int, int, str, str]], told: Told, *, text: str,
        turned: Callable[[Naming, bool], object],
    ) -> None:  # fmt: skip
        super().__init__(doc, changes, told, text=text)
        self.turned = turned
        self.voices: tuple[VoiceChange, ...] = ()
        """What remembering changed, once it is done."""
        self.stands = False

    @property
    def nbytes(self) -> int:
        return super().nbytes + sum(len(one.before or b"") + len(one.after or b"") for one in self.voices)

    def forget(self) -> None:
        super().forget()
        self.voices = ()

    def redo(self) -> None:
        super().redo()
        self.stands = True
        self.turned(self, True)

    def undo(self) -> None:
        super().undo()
        self.stands = False
        self.turned(self, False)


class Remembering(QObject):
    """Asks the worker to learn voices; another sound on the page or another question does not end that."""

    remembered = Signal(object)
    """A VoiceProfile that was learned."""
    told = Signal(str)
    """What became of a profile when a naming was taken back or done again."""
    failed = Signal(object)
    changed = Signal(str)
    """What is being done; empty when nothing is."""

    def __init__(self, link: Link, parent: QObject) -> None:
        super().__init__(parent)
        self._link = link
        self._waiting: list[tuple[EnrolWish, Naming]] = []
        self.doing = ""

    def learn(self, wish: EnrolWish, naming: Naming) -> None:
        """Remember a voice as a part of this naming."""
        self._waiting.append((wish, naming))
        if not self.doing:
            self._next()

    def turn(self, naming: Naming, *, stands: bool) -> None:
        """The naming was taken back, or done again: its profiles go along, those that were changed since stay."""
        home, made = self._link.home, naming.voices
        if not made:
            return  # nothing was remembered, or not yet: see _learned
        steps = [one.turned if stands else one for one in made]

        def then(left: list[str]) -> None:
            if left:
                names = ", ".join(left)
                self.told.emit(f"What is remembered of {names} was changed since: it stays. See Voices…")
            else:
                names = ", ".join(one.name for one in made)
                self.told.emit(f"What is remembered of {names} is {'again as named' if stands else 'as before'}.")

        self._link.background(lambda: voicechanges.put_back(home, steps), then=then, failed=self.failed.emit,
                              owner=self)  # fmt: skip

    def _next(self) -> None:
        self._waiting = [one for one in self._waiting if one[1].stands]
        self.doing = f"Remembering {self._waiting[0][0].name}" if self._waiting else ""
        if self._waiting:
            self._begin(*self._waiting.pop(0))
        self.changed.emit(self.doing)

    def _begin(self, wish: EnrolWish, naming: Naming) -> None:
        home = self._link.home

        def ask(before: Kept) -> None:
            future = self._link.runner.inspect("voice-enrol", **msgspec.to_builtins(wish))
            self._link.deliver(future, then=lambda raw: self._learned(raw, before, wish, naming),
                               failed=self._fail, owner=self)  # fmt: skip

        self._link.background(lambda: voicechanges.keep(home), then=ask, failed=self._fail, owner=self)

    def _learned(self, raw: bytes, before: Kept, wish: EnrolWish, naming: Naming) -> None:
        home = self._link.home

        def work() -> tuple[VoiceProfile, tuple[VoiceChange, ...]]:
            one = msgspec.json.decode(raw, type=VoiceProfile)
            made = voicechanges.changes(before, voicechanges.keep(home))
            # What a terminal did meanwhile is none of it.
            return one, tuple(each for each in made if each.id in (one.id, wish.instead_of))

        def then(found: tuple[VoiceProfile, tuple[VoiceChange, ...]]) -> None:
            naming.voices = found[1]
            if naming.stands:
                self.remembered.emit(found[0])
            else:  # taken back meanwhile
                self.turn(naming, stands=False)
            self._next()

        self._link.background(work, then=then, failed=self._fail, owner=self)

    def _fail(self, record: ProblemRecord) -> None:
        self.failed.emit(record)
        self._next()
