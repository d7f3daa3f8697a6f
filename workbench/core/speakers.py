"""Who spoke when: what it is asked with and answered by, and the speakers of tiers.

The worker's inspectors (worker/speakers.py), beside those of core/audio.py: `diarise` DiariseWish → Diarised,
told with progress; `voice-enrol` EnrolWish → VoiceProfile. Profiles are listed, renamed, merged and deleted in
store/voices.py, which needs no worker.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence

import msgspec

from workbench.core.audio import Segment, Tier, TiersDoc

TIER = "speakers"
SHARED = 0.5
"""A word belongs to a speaker who speaks for this share of it at least."""


class DiariseWish(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A sound whose speakers are asked for; `speakers` 0 finds their number, `encoder` '' is the shipped one.

    `threshold` is the cosine from which two voices are one, 0 the encoder's own. With `remembered` the voices
    are compared with the profiles that a person keeps.
    """

    path: str
    speakers: int = 0
    encoder: str = ""
    threshold: float = 0.0
    remembered: bool = True


class Voice(msgspec.Struct, frozen=True, omit_defaults=True):
    """A speaker that was found; `profile` and `score` (cosine) tell whose remembered voice it is most like.

    `known` says that the score reaches the threshold: then `name` is the profile's, else 'speaker 1' and so on.
    """

    name: str
    talk_s: float
    turns: int
    profile: str = ""
    likeness: str = ""
    score: float = 0.0
    known: bool = False


class Diarised(msgspec.Struct, frozen=True, omit_defaults=True):
    """Turns without overlap, the voices by talk time, and what they were told by.

    `windows` is a .npy (n, D) float32 of unit-length embeddings, `points` a .npy (n, 2) float32 of their places on
    a map; window k is centred at `centres_s[k]`.
    """

    tier: Tier
    voices: tuple[Voice, ...] = ()
    speech_s: float = 0.0
    seconds: float = 0.0
    encoder: str = ""
    window_s: float = 0.0
    centres_s: tuple[float, ...] = ()
    windows: str = ""
    points: str = ""
    notes: tuple[str, ...] = ()


class EnrolWish(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A voice to be remembered as `name`: the one that speaks in `spans` (start_s, end_s) of a sound.

    Without spans all speech of the sound is taken. `instead_of` is the profile that it was wrongly taken for.
    """

    path: str
    name: str
    spans: tuple[tuple[float, float], ...] = ()
    instead_of: str = ""
    encoder: str = ""


class VoiceProfile(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is remembered of a voice, without its numbers; `seconds` of speech from `sources` (titles of sounds).

    `refused` counts the voices that a person said were not this one.
    """

    id: str
    name: str
    seconds: float = 0.0
    sources: tuple[str, ...] = ()
    refused: int = 0
    encoder: str = ""
    changed: str = ""


def speakers_of(doc: TiersDoc) -> list[str]:
    """Every speaker of the tiers: those of the speakers' tier first, in the order in which they are first heard."""
    ordered = sorted(doc.tiers, key=lambda tier: tier.kind != "speakers")
    return list(dict.fromkeys(one.speaker for tier in ordered for one in tier.segments if one.speaker))


def talk_time(tier: Tier) -> dict[str, tuple[float, int]]:
    """Seconds and turns of each speaker of a tier, who speaks longest first."""
    found: dict[str, tuple[float, int]] = {}
    for one in tier.segments:
        if one.speaker:
            seconds, turns = found.get(one.speaker, (0.0, 0))
            found[one.speaker] = seconds + one.end_s - one.start_s, turns + 1
    return dict(sorted(found.items(), key=lambda pair: -pair[1][0]))


def speakers_tier(doc: TiersDoc) -> Tier | None:
    """The last tier that tells who speaks when; the newest one counts."""
    return next((tier for tier in reversed(doc.tiers) if tier.kind == "speakers"), None)


def speaker_during(turns: Sequence[Segment], start_s: float, end_s: float) -> str:
    """Who speaks for the largest part of a stretch, '' where that is less than SHARED of it.

    `turns` are in order of time and do not overlap.
    """
    heard: dict[str, float] = {}
    for at in range(bisect.bisect_right(turns, start_s, key=lambda one: one.end_s), len(turns)):
        one = turns[at]
        if one.start_s >= end_s:
            break
        heard[one.speaker] = heard.get(one.speaker, 0.0) + min(end_s, one.end_s) - max(start_s, one.start_s)
    who = max(heard, key=lambda name: heard[name], default="")
    return who if who and heard[who] >= SHARED * max(end_s - start_s, 1e-9) else ""


def words_with_speakers(doc: TiersDoc) -> Iterator[tuple[int, int, str]]:
    """(tier, segment, speaker) for every word and segment whose speaker the speakers' tier tells otherwise."""
    told = speakers_tier(doc)
    if told is None:
        return
    for number, tier in enumerate(doc.tiers):
        if tier.kind not in ("words", "segments"):
            continue
        for at, one in enumerate(tier.segments):
            who = speaker_during(told.segments, one.start_s, one.end_s)
            if who and who != one.speaker:
                yield number, at, who
