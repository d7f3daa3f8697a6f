"""Speaker vectors: their length, their windows' times, what is kept in a folder, and published models."""

from pathlib import Path

import numpy as np
import pytest
import torch

from workbench.core.problem import InputError
from workbench.engine.speech.speaker_encoder import (
    CARD,
    Shape,
    SpeakerEncoder,
    XVectorEncoder,
    cut_silence,
    load_speaker_encoder,
    window_starts,
)

RATE = 16_000


@pytest.fixture
def encoder() -> SpeakerEncoder:
    torch.manual_seed(3)
    return SpeakerEncoder(Shape(layers=2, cells=16, width=8)).eval()


def voice(seconds: float, hz: float = 120.0, rate: int = RATE) -> np.ndarray:
    """A buzz that comes and goes, as syllables do."""
    t = np.arange(round(seconds * rate)) / rate
    buzz = sum(np.sin(2 * np.pi * hz * k * t) / k for k in range(1, 20))
    return (0.1 * buzz * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * t))).astype(np.float32)


def test_that_a_vector_has_length_1_and_does_not_depend_on_level_rate_or_silence_around(
    encoder: SpeakerEncoder,
) -> None:
    one = encoder.embed(voice(3.0))
    quiet = np.concatenate([np.zeros(RATE), 0.03 * voice(3.0), np.zeros(RATE)]).astype(np.float32)
    other = encoder.embed(quiet)
    fast = encoder.embed(voice(3.0, rate=44_100), 44_100)
    assert one.shape == (8,)
    assert np.linalg.norm(one) == pytest.approx(1)
    assert float(one @ other) > 0.99
    assert float(one @ fast) > 0.99


def test_that_windows_follow_each_other_to_the_end_with_their_centres(encoder: SpeakerEncoder) -> None:
    vectors, centres = encoder.embed_windows(voice(5.1), 1.5, 0.5)
    assert vectors.shape == (len(centres), 8)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert centres[:3] == pytest.approx([0.75, 1.25, 1.75])
    assert centres[-1] == pytest.approx(5.1 - 0.75)
    short, at = encoder.embed_windows(voice(0.5), 1.5, 0.5)
    assert (short.shape, at.tolist()) == ((1, 8), [0.25])


def test_that_a_window_tells_of_its_own_stretch_alone(encoder: SpeakerEncoder) -> None:
    both = np.concatenate([voice(3.0, 100), voice(3.0, 240)])
    vectors, centres = encoder.embed_windows(both, 1.0, 1.0)
    alone, _ = encoder.embed_windows(both[: 3 * RATE], 1.0, 1.0)
    same = vectors[centres < 2.6] @ alone.T
    assert np.diag(same) == pytest.approx(1, abs=1e-3)


def test_that_starts_cover_all_samples() -> None:
    assert window_starts(10, 4, 3).tolist() == [0, 3, 6]
    assert window_starts(11, 4, 3).tolist() == [0, 3, 6, 7]
    assert window_starts(3, 4, 3).tolist() == [0]


def test_that_silence_before_after_and_between_is_cut() -> None:
    still = np.zeros(RATE, np.float32)
    found = cut_silence(np.concatenate([still, voice(1.0), still, voice(1.0), still]), RATE)
    assert len(found) / RATE == pytest.approx(2.0, abs=0.15)
    assert not len(cut_silence(still, RATE))


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (np.zeros(RATE, np.float32), "too little speech"),
        (np.zeros((4, 2), np.float32), "no sound"),
        (np.full(RATE, np.nan, np.float32), "no sound"),
        (np.zeros(0, np.float32), "no sound"),
    ],
)
def test_that_silence_and_nonsense_are_refused_in_words(
    encoder: SpeakerEncoder, samples: np.ndarray, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        encoder.embed(samples)


def test_that_an_encoder_is_the_same_after_its_folder(encoder: SpeakerEncoder, tmp_path: Path) -> None:
    encoder.scale_by(torch.from_numpy(voice(1.2))[None])
    encoder.save(tmp_path, {"equal_error_rate": 0.1})
    again = load_speaker_encoder(tmp_path)
    assert isinstance(again, SpeakerEncoder)
    assert again.facts == {"equal_error_rate": 0.1}
    assert np.array_equal(again.embed(voice(2.0)), encoder.embed(voice(2.0)))
    (tmp_path / CARD).write_text('{"shape": {"cells": 8}}')
    with pytest.raises(InputError, match="No speaker encoder"):
        load_speaker_encoder(tmp_path)


def test_that_published_x_vector_models_load_and_others_are_refused(tmp_path: Path) -> None:
    from transformers import Wav2Vec2Config, Wav2Vec2ForCTC, Wav2Vec2ForXVector, WavLMConfig, WavLMForXVector

    small = {
        "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
        "conv_dim": (8, 8), "conv_stride": (5, 4), "conv_kernel": (10, 8), "num_feat_extract_layers": 2,
        "tdnn_dim": (8, 8, 8), "tdnn_kernel": (5, 3, 1), "tdnn_dilation": (1, 2, 1), "xvector_output_dim": 12,
        "num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2,
    }  # fmt: skip
    torch.manual_seed(0)
    for name, model in (
        ("w2v", Wav2Vec2ForXVector(Wav2Vec2Config(**small))), ("wavlm", WavLMForXVector(WavLMConfig(**small)))
    ):  # fmt: skip
        model.save_pretrained(tmp_path / name)
        encoder = load_speaker_encoder(tmp_path / name)
        assert isinstance(encoder, XVectorEncoder)
        assert encoder.width == 12
        vector = encoder.embed(voice(2.0, rate=8_000), 8_000)
        assert np.linalg.norm(vector) == pytest.approx(1)
        assert encoder.embed_windows(voice(2.0), 1.0, 0.5)[0].shape == (3, 12)
        assert encoder.embed(voice(0.3)).shape == (12,)
    Wav2Vec2ForCTC(Wav2Vec2Config(**small, vocab_size=8)).save_pretrained(tmp_path / "ctc")
    with pytest.raises(InputError, match="No speaker encoder"):
        load_speaker_encoder(tmp_path / "ctc")
    with pytest.raises(InputError, match="No speaker encoder"):
        load_speaker_encoder(tmp_path)
