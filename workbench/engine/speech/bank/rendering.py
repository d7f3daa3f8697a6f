"""Utterances of the bank: a sentence by a speaker in a room, as samples with exact times, kept on disk."""

from __future__ import annotations

import contextlib
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np

from workbench.core.audio import Segment, Tier, TiersDoc
from workbench.engine.speech.bank import rooms
from workbench.engine.speech.bank.espeak import Espeak
from workbench.engine.speech.bank.speakers import Speaker
from workbench.engine.speech.resampling import resample
from workbench.engine.text.cache import digest, folder, keep

RATE_HZ = 16_000
VERSION = 1
"""Raised when the same words would sound different."""
LEVEL_DB = -25.0
PEAK = 0.98


class Place(msgspec.Struct, frozen=True):
    """Where an utterance is heard: reverberation (0: none), and noise (None: none) so many dB below the speech."""

    decay_s: float = 0.0
    direct_db: float = 6.0
    noise: rooms.Noise = "white"
    snr_db: float | None = None


class Utterance(msgspec.Struct, frozen=True):
    """What is to be said, by whom, and where; `seed` draws the room and the noise."""

    text: str
    speaker: Speaker
    place: Place = Place()
    seed: int = 0

    @property
    def key(self) -> str:
        """The name of what is kept of it; the speaker's id is no part of the sound."""
        facts = msgspec.json.encode(msgspec.structs.replace(self, speaker=msgspec.structs.replace(self.speaker, id="")))
        return digest(VERSION, facts.decode())


class Spoken(msgspec.Struct):
    """A rendered utterance: (samples,) int16 at RATE_HZ, full scale 32768, and its tiers `words` and `phones`."""

    utterance: Utterance
    samples: np.ndarray
    tiers: TiersDoc

    @property
    def words(self) -> list[Segment]:
        """Words with their times."""
        return self.tiers.tiers[0].segments

    @property
    def phones(self) -> list[Segment]:
        """Phones (IPA with stress marks) with their times."""
        return self.tiers.tiers[1].segments

    def as_float(self) -> np.ndarray:
        """The samples as (n,) float32 of full scale 1."""
        return self.samples.astype(np.float32) / np.float32(32768)


def plain(phone: str) -> str:
    """A phone without its stress marks."""
    return phone.lstrip("ˈˌ")


def render(
    utterances: Sequence[Utterance],
    cache: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Iterator[Spoken]:
    """Utterances one after the other, from the cache or spoken now; espeak-ng starts only when it is needed.

    Raises KnownTrouble when espeak-ng is missing.
    """
    cache = cache or folder("speech-bank")
    with contextlib.ExitStack() as stack:
        espeak: Espeak | None = None
        for number, utterance in enumerate(utterances):
            path = cache / utterance.key[:2] / f"{utterance.key}.npz"
            found = _kept(path, utterance)
            if found is None:
                espeak = espeak or stack.enter_context(Espeak())
                found = speak(utterance, espeak)
                _keep(path, found)
            progress(number + 1, len(utterances))
            yield found


def _kept(path: Path, utterance: Utterance) -> Spoken | None:
    if path.is_file():
        damage = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, msgspec.DecodeError)
        with contextlib.suppress(*damage), np.load(path, allow_pickle=False) as held:
            tiers = msgspec.json.decode(held["tiers"].tobytes(), type=TiersDoc)
            return Spoken(utterance, held["samples"], tiers)
        path.unlink(missing_ok=True)
    return None


def _keep(path: Path, spoken: Spoken) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tiers = np.frombuffer(msgspec.json.encode(spoken.tiers), np.uint8)

    def write(scratch: Path) -> None:
        with scratch.open("wb") as file:
            np.savez(file, samples=spoken.samples, tiers=tiers)

    keep(path, write)


def speak(utterance: Utterance, espeak: Espeak) -> Spoken:
    """An utterance rendered now: said, its vocal tract scaled, tilted, put into the room, at −25 dB of full scale.

    The vocal tract is scaled by playing the samples faster, so formants and pitch are multiplied by the
    factor and times divided by it; espeak-ng is asked for a rate that makes up for that.
    """
    who = utterance.speaker
    rate_wpm = max(80, min(round(who.rate_wpm / who.tract), 400))
    said = espeak.say(
        utterance.text, voice=who.voice, rate_wpm=rate_wpm, pitch=who.pitch, pitch_range=who.pitch_range
    )  # fmt: skip
    wave = resample(said.samples, said.rate_hz * who.tract, RATE_HZ)
    wave = rooms.tilted(wave, RATE_HZ, who.tilt_db)
    rng = np.random.default_rng([utterance.seed, *json.dumps(utterance.text).encode()])
    place = utterance.place
    if place.decay_s > 0:
        response = rooms.impulse_response(rng, RATE_HZ, decay_s=place.decay_s, direct_db=place.direct_db)
        wave = rooms.in_room(wave, response)
    if place.snr_db is not None:
        wave = rooms.with_noise(wave, rooms.noise(rng, place.noise, len(wave), RATE_HZ), place.snr_db)
    gain = 10 ** (LEVEL_DB / 20) / max(float(np.sqrt((wave**2).mean())), 1e-9)
    gain = min(gain, PEAK / max(float(np.abs(wave).max()), 1e-9))
    samples = np.rint(wave * gain * 32767).astype(np.int16)

    def scaled(segments: list[Segment]) -> list[Segment]:
        return [
            Segment(round(one.start_s / who.tract, 6), round(one.end_s / who.tract, 6), one.text) for one in segments
        ]

    tiers = [Tier("words", "words", scaled(said.words)), Tier("phones", "phones", scaled(said.phones))]
    return Spoken(utterance, samples, TiersDoc(tiers, len(samples) / RATE_HZ, utterance.text, who.language))


def frame_labels(segments: Sequence[Segment], frames: int, hop_s: float, silence: str = "sil") -> list[str]:
    """What is said at the centre of each frame, (k + ½) · hop, without stress marks; `silence` in between."""
    found = [silence] * frames
    for one in segments:
        first = max(int(np.ceil(one.start_s / hop_s - 0.5)), 0)
        last = min(int(np.ceil(one.end_s / hop_s - 0.5)), frames)
        found[first:last] = [plain(one.text)] * max(last - first, 0)
    return found
