"""A sound to look at without a file: a few sentences by synthetic speakers, with their words and phones."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from workbench.core import documents
from workbench.core.audio import Segment, Tier, TiersDoc
from workbench.engine.speech.bank.rendering import RATE_HZ, Place, Utterance, render
from workbench.engine.speech.bank.sentences import commands, general
from workbench.engine.speech.bank.speakers import draw_speakers
from workbench.engine.text.cache import keep

PAUSE_S = 0.4
NAME = "two synthetic speakers"


def write_sample(folder: Path) -> tuple[Path, Path]:
    """A WAV of two speakers taking turns, and its TiersDoc beside it; raises KnownTrouble without espeak-ng."""
    sound, tiers = folder / f"{NAME}.wav", folder / f"{NAME}.json"
    if not (sound.is_file() and tiers.is_file()):
        folder.mkdir(parents=True, exist_ok=True)
        samples, doc = _spoken(folder / "bank")
        keep(tiers, lambda scratch: documents.write(scratch, doc))
        keep(sound, lambda scratch: _write(scratch, samples))
    return sound, tiers


def _write(path: Path, samples: np.ndarray) -> None:
    import soundfile

    with path.open("wb") as file:
        soundfile.write(file, samples, RATE_HZ, format="WAV", subtype="PCM_16")


def _spoken(cache: Path) -> tuple[np.ndarray, TiersDoc]:
    speakers = draw_speakers({"sample": 2}, 7)["sample"]
    said = [one.text for one in commands("train", 0)[::40]][:2] + general("train", 2, 0)
    room = Place(decay_s=0.25, direct_db=9.0, noise="pink", snr_db=30.0)
    asked = [Utterance(text, speakers[at % 2], room, seed=at) for at, text in enumerate(said)]
    segments, words, phones = list[Segment](), list[Segment](), list[Segment]()
    pieces, at_s = [], 0.0
    for one in render(asked, cache):
        who = f"speaker {1 + speakers.index(one.utterance.speaker)}"
        for tier, found in ((words, one.words), (phones, one.phones)):
            tier += [Segment(at_s + each.start_s, at_s + each.end_s, each.text, who) for each in found]
        segments.append(Segment(at_s + one.words[0].start_s, at_s + one.words[-1].end_s, one.utterance.text, who))
        pieces += [one.samples, np.zeros(round(PAUSE_S * RATE_HZ), np.int16)]
        at_s += len(one.samples) / RATE_HZ + PAUSE_S
    wave = np.concatenate(pieces)
    tiers = [Tier("segments", "segments", segments), Tier("words", "words", words), Tier("phones", "phones", phones)]
    return wave, TiersDoc(tiers, len(wave) / RATE_HZ, NAME, "en-us")
