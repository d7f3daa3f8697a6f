"""Who spoke when: a conversation of the bank, with statistics of log-mel frames in the encoder's place."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from tests.engine.speech.conversing import RATE_HZ, conversation
from tests.engine.speech.voices import LogMelStatistics
from workbench.core.audio import Segment
from workbench.core.problem import InputError
from workbench.engine.speech import diarising, speaker_clusters
from workbench.engine.speech.diarisation_error import diarisation_error
from workbench.engine.speech.opening import open_whole

KNOBS = diarising.Settings(threshold=0.9)


def test_that_turns_are_found_with_and_without_the_number_of_speakers() -> None:
    talk = conversation()
    for speakers in (0, 2):
        told: list[tuple[int, int]] = []
        found = diarising.diarise(
            talk.samples, LogMelStatistics(), speakers=speakers, settings=KNOBS,
            progress=lambda done, of, words: told.append((done, of)),  # noqa: B023
        )  # fmt: skip
        assert diarisation_error(talk.tier.segments, found.tier.segments, collar_s=0.25).rate < 0.05
        assert found.names == ["speaker 1", "speaker 2"] and found.tier.kind == "speakers"
        shares = [done / of for done, of in told]
        assert shares == sorted(shares) and shares[-1] == 1
        assert all(a.end_s <= b.start_s for a, b in zip(found.tier.segments, found.tier.segments[1:], strict=False))
        assert len(found.windows) == len(found.centres_s) == len(found.labels)
    # Whoever talks longest is the first.
    assert sum(one.end_s - one.start_s for one in found.tier.segments if one.speaker == "speaker 1") >= sum(
        one.end_s - one.start_s for one in found.tier.segments if one.speaker == "speaker 2"
    )


def test_that_one_speaker_stays_one_and_may_be_forced_apart() -> None:
    talk = conversation(speakers=1, turns=4)
    alone = diarising.diarise(talk.samples, LogMelStatistics(), settings=KNOBS)
    assert {one.speaker for one in alone.tier.segments} == {"speaker 1"}
    forced = diarising.diarise(talk.samples, LogMelStatistics(), speakers=2, settings=KNOBS)
    assert len(np.unique(forced.labels)) <= 2


def test_that_turns_without_a_pause_are_told_by_the_voice() -> None:
    talk = conversation()
    low, high = (
        np.concatenate([talk.samples[round(one.start_s * RATE_HZ) : round(one.end_s * RATE_HZ)]
                        for one in talk.tier.segments if one.speaker == who])[: 6 * RATE_HZ]
        for who in ("low", "high")
    )  # fmt: skip
    joined = np.concatenate([low, high, low])
    silence = np.zeros(RATE_HZ, np.int16)
    found = diarising.diarise(np.concatenate([silence, joined, silence]), LogMelStatistics(), settings=KNOBS)
    truth = [Segment(1, 7, "", "low"), Segment(7, 13, "", "high"), Segment(13, 19, "", "low")]
    assert diarisation_error(truth, found.tier.segments, collar_s=0.5).rate < 0.05


def test_that_silence_and_senseless_numbers_are_told() -> None:
    with pytest.raises(InputError, match="Nobody speaks"):
        diarising.diarise(np.zeros(3 * RATE_HZ, np.int16), LogMelStatistics())
    with pytest.raises(InputError, match="so many speakers"):
        diarising.diarise(conversation().samples, LogMelStatistics(), speakers=99)


def test_that_a_word_or_two_are_enough() -> None:
    talk = conversation()
    first = talk.tier.segments[0]
    part = talk.samples[: round((first.start_s + 0.6) * RATE_HZ)]
    found = diarising.diarise(part, LogMelStatistics(), settings=KNOBS)
    assert [one.speaker for one in found.tier.segments] == ["speaker 1"]


def test_that_any_sound_is_brought_to_one_rate_and_channel(tmp_path) -> None:
    at = np.arange(44_100 * 70) / 44_100
    wave = 0.4 * np.sin(2 * np.pi * 440 * at)
    soundfile.write(tmp_path / "a.wav", np.stack([wave, 0 * wave], 1), 44_100)
    sound = open_whole(tmp_path / "a.wav", tmp_path / "cache")
    found = diarising.mono(sound)
    assert isinstance(found, np.memmap) and found.dtype == np.int16 and len(found) == 70 * RATE_HZ
    middle = found[RATE_HZ : 69 * RATE_HZ].astype(float) / 32768
    expected = 0.2 * np.sin(2 * np.pi * 440 * np.arange(RATE_HZ, 69 * RATE_HZ) / RATE_HZ)
    assert np.abs(middle - expected).max() < 2e-3
    assert diarising.mono(sound).filename == found.filename


def rows(rng: np.random.Generator, sizes: tuple[int, ...], spread: float) -> tuple[np.ndarray, np.ndarray]:
    middles = speaker_clusters.unit(rng.standard_normal((len(sizes), 32)))
    truth = np.repeat(np.arange(len(sizes)), sizes)
    return speaker_clusters.unit(middles[truth] + spread * rng.standard_normal((len(truth), 32))), truth


def test_that_clusters_are_found_by_number_and_by_threshold() -> None:
    made, truth = rows(np.random.default_rng(4), (40, 25, 12), 0.08)
    for speakers in (0, 3):
        labels = speaker_clusters.cluster(made, speakers=speakers, threshold=0.5)
        # The most frequent speaker is the first, so the labels are those that they were made with.
        assert (labels == truth).all()
    assert speaker_clusters.cluster(made, threshold=-1.0).max() == 0
    few, _ = rows(np.random.default_rng(4), (40, 2), 0.05)
    assert speaker_clusters.cluster(few, threshold=0.5, least=4).max() == 0
    assert speaker_clusters.cluster(few, threshold=0.5, least=2).max() == 1
    assert speaker_clusters.cluster(few[:0], threshold=0.5).shape == (0,)


def test_that_many_windows_are_clustered_in_bounded_memory() -> None:
    made, truth = rows(np.random.default_rng(6), (4000, 2500), 0.08)
    labels = speaker_clusters.cluster(made, threshold=0.5)
    assert (labels == truth).mean() > 0.999


def test_that_a_path_changes_only_where_it_pays() -> None:
    scores = np.array([[1.0, 0.0]] * 10 + [[0.4, 0.6]] * 2 + [[1.0, 0.0]] * 10 + [[0.0, 1.0]] * 10)
    dear = speaker_clusters.smooth_path(scores, np.full(len(scores), 2.0))
    assert dear.tolist() == [0] * 22 + [1] * 10
    free = speaker_clusters.smooth_path(scores, np.zeros(len(scores)))
    assert free.tolist() == scores.argmax(1).tolist()
