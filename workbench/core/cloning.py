"""A voice that says a text: what the worker is asked with and answers, between the recipe's apply and whoever shows it.

The worker's inspectors (worker/cloning.py): `clone-voice` VoiceWish → ClonedVoice, `clone-map` MapWish → VoiceMap,
`clone-say` SayWish → Said, told with progress. Voices that a person named are kept in store/voices.py, nowhere else.
"""

from __future__ import annotations

import msgspec

from workbench.core.documents import AnswersDoc

SYNTHETIC = "Synthetic speech, made with Transfer Workbench. The voice is a clone; its owner did not say this."
"""Written into every sound that is made, as its comment."""
CONSENT = "Clone only voices whose owners agree. What is made says in its file that it is synthetic."
MARK = "synthetic"
"""In the names of the files that are suggested for such sounds."""
LEARNED = "voices.safetensors"
"""In a synthesiser's folder: the vectors of the voices that it has learned, by name."""
RECIPE = "sv2tts"
"""Whose models say texts with voices."""


class Cloned(AnswersDoc):
    """A sound (WAV, or as `out` ended), the speaker vector (.npy, unit length), and the nearest learned voice.

    `cosine` is that voice's; `notice` is what a person must be told.
    """

    sound: str
    vector: str
    sample_rate_hz: int
    duration_s: float
    neighbour: str = ""
    cosine: float = 0.0
    notice: str = CONSENT


class VoiceSource(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Whose voice is meant, by one of these.

    The one that speaks in `spans` (start_s, end_s) of the sound at `path`, all of it without spans; a remembered
    `profile` by id or name; a voice that the synthesiser has `learned`, by name; or by `seed` (0 or more) one that
    nobody has: a direction drawn uniformly from the sphere.
    """

    path: str = ""
    spans: tuple[tuple[float, float], ...] = ()
    profile: str = ""
    learned: str = ""
    seed: int = -1


class VoiceWish(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A voice to be known; `model` '' is the shipped synthesiser."""

    source: VoiceSource
    model: str = ""


class ClonedVoice(msgspec.Struct, frozen=True, omit_defaults=True):
    """A voice as the encoder knows it: its place on the map, and the learned voice that it is most like, by cosine.

    `speech_s` of speech told it (0 where no sound did), `encoder` is the mark of its weights.
    """

    title: str
    place: tuple[float, float]
    neighbour: str = ""
    cosine: float = 0.0
    speech_s: float = 0.0
    encoder: str = ""
    notes: tuple[str, ...] = ()


class MapWish(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The voices that a model has learned, and the remembered ones beside them."""

    model: str = ""


class MapPoint(msgspec.Struct, frozen=True, omit_defaults=True):
    """A voice on the map; `cosine` to its `neighbour` among the learned ones."""

    title: str
    source: VoiceSource
    place: tuple[float, float]
    neighbour: str = ""
    cosine: float = 0.0


class VoiceMap(msgspec.Struct, frozen=True, omit_defaults=True):
    """Learned voices, and remembered ones that the same encoder made; `notes` say which could not be placed."""

    learned: tuple[MapPoint, ...]
    remembered: tuple[MapPoint, ...] = ()
    encoder: str = ""
    notes: tuple[str, ...] = ()


class SayWish(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A text to be said with a voice, into the file `out`; '' writes into the cache."""

    source: VoiceSource
    text: str
    model: str = ""
    out: str = ""


class Said(msgspec.Struct, frozen=True):
    """A cloned sound and how near it came: the encoder's `likeness` (cosine) of it to the voice that was asked for.

    `rival` is the learned voice that the sound is most like, by `rival_cosine`; `own_cosine` is that of two halves of
    the speech that told the voice, which is what real speech of one person comes to. What cannot be compared for want
    of speech is None. `text` is what was said.
    """

    sound: str
    title: str
    text: str
    sample_rate_hz: int
    duration_s: float
    likeness: float | None = None
    rival: str = ""
    rival_cosine: float = 0.0
    own_cosine: float | None = None
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    notice: str = CONSENT


def file_stem(title: str) -> str:
    """A file's name without its ending for what a voice said; it tells that the speech is synthetic."""
    clean = "".join(one if one.isalnum() or one in "-_" else "-" for one in title)
    clean = "-".join(filter(None, clean.split("-")))[:60] or "voice"
    return clean if MARK in clean.casefold() else f"{clean}-{MARK}"
