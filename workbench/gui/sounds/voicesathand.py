"""The voices that a page has at hand: remembered, enrolled, nobody's; and what of the open sound can be enrolled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.core.cloning import ClonedVoice, MapPoint, VoiceMap, VoiceSource
from workbench.core.speakers import speakers_tier, talk_time
from workbench.gui.sounds.clonepanel import Kind, Shown

if TYPE_CHECKING:
    from workbench.gui.sounds.page import SoundsPage


class VoicesAtHand:
    """Remembered voices come with the map; the others have a place on it once the encoder has heard them."""

    def __init__(self) -> None:
        self.map = VoiceMap(())
        self.seeds: list[int] = []
        """Of voices that nobody has; kept across sessions."""
        self.enrolled: list[VoiceSource] = []
        self._known: dict[VoiceSource, ClonedVoice] = {}

    def all(self) -> list[Shown]:
        """Every voice that has a place, as the list shows them."""
        known = [(one, self._known[one]) for one in (*self.enrolled, *self._nobodies()) if one in self._known]
        return [
            *(_shown(one, "remembered") for one in self.map.remembered),
            *(Shown(source, one.title, _kind(source), one.place, one.neighbour, one.cosine, one.speech_s)
              for source, one in known),
        ]  # fmt: skip

    def points(self) -> list[Shown]:
        """What the map shows: the learned voices, then those at hand; nothing before there is a map."""
        learned = [_shown(one, "learned") for one in self.map.learned]
        return [*learned, *self.all()] if learned else []

    def find(self, source: VoiceSource | None) -> Shown | None:
        """The voice at hand that a source stands for."""
        return next((one for one in self.all() if one.source == source), None)

    def notes(self, source: VoiceSource | None) -> tuple[str, ...]:
        """What is to be known of a voice, or of the map where none is chosen."""
        if source is None:
            return self.map.notes
        return self._known[source].notes if source in self._known else ()

    def add(self, source: VoiceSource, found: ClonedVoice) -> None:
        """A voice has been heard or drawn."""
        if source.seed < 0 and source not in self.enrolled:
            self.enrolled.append(source)
        elif source.seed >= 0 and source.seed not in self.seeds:
            self.seeds.append(source.seed)
        self._known[source] = found

    def remove(self, source: VoiceSource) -> None:
        """Take an enrolled voice, or one that nobody has, off the list."""
        self._known.pop(source, None)
        if source in self.enrolled:
            self.enrolled.remove(source)
        if source.seed in self.seeds:
            self.seeds.remove(source.seed)

    def forget_places(self) -> None:
        """Another encoder hears them all differently: each has to be heard again."""
        self.map = VoiceMap(())
        self._known.clear()

    def unknown(self) -> VoiceSource | None:
        """A voice that has no place yet."""
        return next((one for one in (*self.enrolled, *self._nobodies()) if one not in self._known), None)

    def _nobodies(self) -> list[VoiceSource]:
        return [VoiceSource(seed=one) for one in self.seeds]


def sources_of(page: SoundsPage) -> list[tuple[str, VoiceSource]]:
    """What can be enrolled from the open sound: its selection, all of it, each of its speakers."""
    scene = page.viewer.scene
    if not page.viewing or not scene.samples:
        return []
    path = page.path
    found = []
    if scene.selection is not None:
        first, last = (one / scene.rate_hz for one in scene.selection)
        found.append((f"The selection   ·   {last - first:.1f} s", VoiceSource(path, ((first, last),))))
    found.append((f"The whole sound   ·   {scene.duration_s:.1f} s", VoiceSource(path)))
    tier = speakers_tier(page.viewer.tiers.doc)
    if tier is not None:
        for name, (seconds, _) in talk_time(tier).items():
            spans = tuple((one.start_s, one.end_s) for one in tier.segments if one.speaker == name)
            found.append((f"{name}   ·   {seconds:.1f} s", VoiceSource(path, spans)))
    return found


def _kind(source: VoiceSource) -> Kind:
    return "nobody's" if source.seed >= 0 else "enrolled"


def _shown(one: MapPoint, kind: Kind) -> Shown:
    return Shown(one.source, one.title, kind, one.place, one.neighbour, one.cosine)
