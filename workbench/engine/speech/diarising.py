"""Who spoke when: voice activity, windows embedded, clustered into speakers, boundaries put where voices change.

Nobody is taken to speak at the same time as another: where voices overlap, the stronger one gets the turn.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np

from workbench.core.audio import Segment, SoundFile, Tier
from workbench.core.problem import InputError
from workbench.core.speakers import TIER
from workbench.engine.speech import voice_activity
from workbench.engine.speech.growing import GrowingArray
from workbench.engine.speech.opening import as_float, samples_of
from workbench.engine.speech.resampling import resample_stream
from workbench.engine.speech.speaker_clusters import MOST_SPEAKERS, centroids, cluster, smooth_path, unit
from workbench.engine.text.cache import keep

RATE_HZ = voice_activity.RATE_HZ
BLOCK_S = 30.0
LONGEST_S = 60.0
"""A stretch of speech is embedded in parts of at most so long, so that memory stays flat."""
FRAME_S = 0.1
KNOWN_AT = 0.85
"""A voice is taken for a remembered one from this cosine on; see resources/decisions/speakers.md."""
ENROLLED_S = 120.0
"""More speech than this makes no voice better known."""
Progress = Callable[[int, int, str], None]


class SpeakerEncoder(Protocol):
    """What turns speech into a direction that tells the speaker; see speaker_encoder.py."""

    sample_rate_hz: int

    def embed_windows(self, samples: np.ndarray, window_s: float, step_s: float) -> tuple[Any, Any]:
        """Windows of (n,) float32 samples to (windows, D), and their centres in s; a shorter sound is one window."""


class Settings(msgspec.Struct, frozen=True):
    """How speakers are told apart; chosen on the bank's development speakers (see resources/decisions/speakers.md).

    Two clusters are one speaker while their average cosine is `threshold` or more; a speaker talks for
    `least_s` at least; a change of speaker costs `change_cost` of summed cosine, `pause_share` of that in a pause.
    Before they are clustered, windows are averaged with `neighbours` on either side.
    """

    window_s: float = 1.5
    step_s: float = 0.5
    threshold: float = 0.4
    least_s: float = 2.0
    change_cost: float = 2.0
    neighbours: int = 4
    pause_share: float = 0.3


DEFAULTS = Settings()


def settings_for(encoder: SpeakerEncoder) -> Settings:
    """The settings for an encoder: what its card tells of a `diarisation_threshold`, else the shipped encoder's."""
    facts = getattr(encoder, "facts", {})
    told = facts.get("diarisation_threshold") if isinstance(facts, dict) else None
    return Settings(threshold=float(told)) if isinstance(told, int | float) and -1 < told < 1 else DEFAULTS


@dataclasses.dataclass(frozen=True)
class Turns:
    """Who spoke when, and the windows (n, D) that it was told by: centred at `centres_s`, of speakers `labels`."""

    tier: Tier
    windows: np.ndarray
    centres_s: np.ndarray
    labels: np.ndarray
    speech_s: float

    @property
    def names(self) -> list[str]:
        """The speakers, as the tier names them; speaker k of `labels` is names[k]."""
        return [name_of(at) for at in range(int(self.labels.max()) + 1 if len(self.labels) else 0)]


def name_of(at: int) -> str:
    """'speaker 1' for the first."""
    return f"speaker {at + 1}"


def mono(sound: SoundFile, rate_hz: int = RATE_HZ) -> np.ndarray:
    """A sound as (n,) int16 at one rate, the mean of its channels, memory-mapped from a file kept beside it."""
    meta = sound.meta
    samples = samples_of(sound)
    if (meta.channels, meta.sample_rate_hz) == (1, rate_hz) and samples.dtype == np.int16:
        return samples[:, 0]
    path = Path(sound.path).parent / f"mono-{rate_hz}-{meta.samples}.npy"
    keep(path, lambda scratch: _write_mono(sound, rate_hz, scratch))
    found: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    return found


def _write_mono(sound: SoundFile, rate_hz: int, path: Path) -> None:
    samples, block = samples_of(sound), round(BLOCK_S * sound.meta.sample_rate_hz)
    pieces = (as_float(samples[at : at + block])[:, None] for at in range(0, len(samples), block))
    with GrowingArray(path, (), np.dtype(np.int16)) as out:
        for piece in resample_stream(pieces, sound.meta.sample_rate_hz, rate_hz, 1):
            out.append(np.clip(np.rint(piece[:, 0] * 32768), -32768, 32767).astype(np.int16))


def diarise(
    samples: np.ndarray, encoder: SpeakerEncoder, *, speakers: int = 0, settings: Settings = DEFAULTS,
    progress: Progress = lambda done, of, words: None,
) -> Turns:  # fmt: skip
    """Who spoke when in (n,) int16 samples at RATE_HZ, which may be memory-mapped; `speakers` 0 finds their number.

    Memory does not grow with the length but for a few numbers a window. Raises InputError where nobody
    speaks or the number of speakers makes no sense.
    """
    if not 0 <= speakers <= MOST_SPEAKERS:
        raise InputError(
            "There cannot be so many speakers.", expected=f"1 to {MOST_SPEAKERS}, or 0 to find their number",
            received=str(speakers), field="speakers",
        )  # fmt: skip
    above = voice_activity.activity(samples, lambda done, of: progress(done, of * 10, "finding speech"))
    speech = voice_activity.stretches(above)
    if not speech:
        raise InputError(
            "Nobody speaks in this sound.", expected="speech that stands out of the noise",
            received=f"{len(samples) / RATE_HZ:.1f} s of silence or steady noise", fix="Choose another sound.",
            field="path",
        )  # fmt: skip
    windows, centres, whole = _embedded(samples, speech, encoder, settings, progress)
    steady = _steadied(windows, centres, settings)
    counted = steady[whole] if whole.any() else steady
    least = max(1, round(settings.least_s / settings.step_s)) if len(counted) > 2 else 1
    told = cluster(counted, speakers=speakers, threshold=settings.threshold, least=least)
    means = centroids(counted, told)
    frames = np.concatenate([np.arange(start + FRAME_S / 2, end, FRAME_S) for start, end in speech])
    scores = _scores(frames, windows @ means.T, centres, settings)
    quiet = _quietest(above, frames) < voice_activity.GOES_ON_DB
    path = smooth_path(scores, settings.change_cost * np.where(quiet, settings.pause_share, 1.0))
    tier, order = _turns(path, frames, speech)
    labels = (windows @ means[order].T).argmax(1)
    progress(1, 1, "")
    return Turns(tier, windows, centres, labels, sum(end - start for start, end in speech))


def voice_of(
    samples: np.ndarray, encoder: SpeakerEncoder, spans: Sequence[tuple[float, float]] = (), *,
    settings: Settings = DEFAULTS,
) -> tuple[np.ndarray, float]:  # fmt: skip
    """The voice (D,) at length 1 that speaks in stretches of (n,) int16 samples at RATE_HZ, and from how much speech.

    Without stretches all speech is taken. Raises InputError where nobody speaks in them.
    """
    speech = voice_activity.stretches(voice_activity.activity(samples))
    if spans:
        speech = [
            (max(start, first), min(end, last))
            for first, last in spans for start, end in speech if min(end, last) - max(start, first) > 0.1
        ]  # fmt: skip
    if not speech:
        raise InputError(
            "Nobody speaks here.", expected="speech that stands out of the noise", received="silence or steady noise",
            fix="Choose another part of the sound.", field="path",
        )  # fmt: skip
    chosen, total = [], 0.0
    for start, end in sorted(speech, key=lambda one: one[0] - one[1]):
        if total < ENROLLED_S:
            chosen.append((start, min(end, start + ENROLLED_S - total)))
            total += chosen[-1][1] - chosen[-1][0]
    rows, _, whole = _embedded(samples, sorted(chosen), encoder, settings, lambda done, of, words: None)
    kept = rows[whole] if whole.any() else rows
    return unit(kept.mean(0)), total


def map_of(windows: np.ndarray) -> np.ndarray:
    """Windows (n, D) on a plane (n, 2) float32: the two directions in which they differ most (PCA)."""
    centred = windows - windows.mean(0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    flat = centred @ vectors[:, ::-1][:, :2]
    # The sign of a direction is chance; the largest place is put on the positive side.
    signs = np.sign(flat[np.abs(flat).argmax(0), np.arange(flat.shape[1])])
    found: np.ndarray = (flat * np.where(signs == 0, 1.0, signs)).astype(np.float32)
    return found


def parts_of(speech: Sequence[tuple[float, float]], longest_s: float = LONGEST_S) -> list[tuple[float, float]]:
    """Stretches cut into equal parts of at most so long."""
    found = []
    for start, end in speech:
        count = max(1, int(np.ceil((end - start) / longest_s)))
        edges = np.linspace(start, end, count + 1).tolist()
        found += list(itertools.pairwise(edges))
    return found


def cut(samples: np.ndarray, start_s: float, end_s: float, rate_hz: int = RATE_HZ) -> np.ndarray:
    """A stretch of (n,) int16 samples at RATE_HZ as float32 at a rate, without a constant offset."""
    from workbench.engine.speech.resampling import resample

    part = samples[round(start_s * RATE_HZ) : round(end_s * RATE_HZ)]
    values = resample(part, RATE_HZ, rate_hz)
    return values - values.mean() if len(values) else values


def _embedded(
    samples: np.ndarray, speech: Sequence[tuple[float, float]], encoder: SpeakerEncoder, settings: Settings,
    progress: Progress,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Windows (n, D), their centres in s, and whether they are whole ones rather than a short stretch."""
    parts = parts_of(speech)
    total, done = sum(end - start for start, end in parts), 0.0
    rows, centres, whole = [], [], []
    for start, end in parts:
        wave = cut(samples, start, end, encoder.sample_rate_hz)
        found, at = encoder.embed_windows(wave, settings.window_s, settings.step_s)
        rows.append(np.asarray(found, np.float32))
        centres.append(start + np.asarray(at, np.float64))
        whole.append(np.full(len(rows[-1]), end - start >= settings.window_s))
        done += end - start
        progress(round(100 + 880 * done / total), 1000, f"{done:.0f} of {total:.0f} s of speech")
    return unit(np.concatenate(rows)), np.concatenate(centres), np.concatenate(whole)


def _steadied(windows: np.ndarray, centres: np.ndarray, settings: Settings) -> np.ndarray:
    """Windows (n, D) with the mean of their neighbours in time: one alone says little of a voice."""
    total = windows.copy()
    for offset in range(1, min(settings.neighbours, len(windows) - 1) + 1):
        near = centres[offset:] - centres[:-offset] <= offset * settings.step_s * 1.01
        total[offset:][near] += windows[:-offset][near]
        total[:-offset][near] += windows[offset:][near]
    return unit(total)


def _scores(frames: np.ndarray, score: np.ndarray, centres: np.ndarray, settings: Settings) -> np.ndarray:
    """(frames, speakers) from those of windows (n, speakers): the mean over the windows that a frame lies in."""
    last = len(centres) - 1
    near = np.clip(np.searchsorted(centres, frames), 1, max(last, 1))
    scores, weights = np.zeros((len(frames), score.shape[1])), np.zeros(len(frames))
    reach = int(np.ceil(settings.window_s / settings.step_s)) + 1
    for offset in range(-reach, reach):
        at = np.clip(near + offset, 0, last)
        # A window speaks for its middle more than for its ends.
        weight = np.maximum(1.0 - np.abs(centres[at] - frames) / (settings.window_s / 2), 0.0)
        weight = np.where(near + offset == at, weight, 0.0)
        scores += weight[:, None] * score[at]
        weights += weight
    before, after = near - 1, np.minimum(near, last)
    nearest = np.where(np.abs(centres[before] - frames) <= np.abs(centres[after] - frames), before, after)
    alone = weights <= 1e-6
    found: np.ndarray = np.where(alone[:, None], score[nearest], scores / np.maximum(weights, 1e-6)[:, None])
    return found


def _quietest(above: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """How far the quietest moment since the frame before stands out of the noise; 0 after a pause."""
    per = round(FRAME_S / voice_activity.HOP_S)
    at = np.clip((frames / voice_activity.HOP_S).astype(np.int64), 0, len(above) - 1)
    index = np.clip(at[:, None] - np.arange(per), 0, len(above) - 1)
    found: np.ndarray = above[index].min(1)
    found[1:][np.diff(frames) > 1.5 * FRAME_S] = 0.0
    return found


def _turns(path: np.ndarray, frames: np.ndarray, speech: Sequence[tuple[float, float]]) -> tuple[Tier, np.ndarray]:
    """Turns within the stretches of speech, and which cluster each speaker is, by talk time."""
    names, counts = np.unique(path, return_counts=True)
    order = names[np.argsort(-counts, kind="stable")]
    place = {int(one): at for at, one in enumerate(order.tolist())}
    turns: list[Segment] = []
    for start, end in speech:
        first, last = np.searchsorted(frames, (start, end))
        who = path[first:last]
        edges = [0, *(np.flatnonzero(np.diff(who)) + 1).tolist(), len(who)]
        times = [start, *(start + edge * FRAME_S for edge in edges[1:-1]), end]
        for at, (begin, stop) in enumerate(itertools.pairwise(times)):
            name = name_of(place[int(who[edges[at]])])
            if turns and turns[-1].speaker == name and begin - turns[-1].end_s < voice_activity.PAUSE_S:
                turns[-1].end_s = stop
            else:
                turns.append(Segment(begin, stop, "", name))
    rounded = [Segment(round(one.start_s, 3), round(one.end_s, 3), "", one.speaker) for one in turns]
    return Tier(TIER, "speakers", rounded), order
