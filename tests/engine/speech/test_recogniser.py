"""The recogniser's shapes, times, masks and files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from workbench.core.problem import InputError
from workbench.engine.speech import features
from workbench.engine.speech.recogniser import BLANK, CtcRecogniser, Shape, frames_needed, spelled

SMALL = Shape(width=24, layers=3, heads=2, kernel=3, reach=8)


def recogniser(shape: Shape = SMALL) -> CtcRecogniser:
    torch.manual_seed(3)
    return CtcRecogniser(shape).eval()


def noise(seconds: float) -> np.ndarray:
    return np.random.default_rng(5).standard_normal(round(16_000 * seconds)).astype(np.float32) * 0.05


def test_that_emissions_are_log_probabilities_one_frame_every_thirty_ms() -> None:
    model = recogniser()
    found = model.emissions(noise(1.0))
    assert model.frame_s == pytest.approx(0.03)
    assert (model.vocabulary[0], model.sample_rate_hz) == (BLANK, 16_000)
    assert found.shape == (34, 29)
    assert found.dtype == np.float32
    assert np.allclose(np.exp(found).sum(1), 1, atol=1e-5)


def test_that_level_does_not_change_what_is_heard() -> None:
    model = recogniser()
    wave = noise(0.6)
    assert np.allclose(model.emissions(wave), model.emissions(wave * 3), atol=1e-3)


def test_that_padding_beside_a_longer_utterance_changes_nothing() -> None:
    model = recogniser()
    short, long = (model.frames(torch.from_numpy(noise(seconds))[None])[0] for seconds in (0.5, 1.2))
    batch, lengths = features.padded([long, short])
    together, counts = model(features.cmvn(batch, lengths), lengths)
    alone = model.emissions(noise(0.5))
    assert counts.tolist() == [41, 17]
    assert np.allclose(together[1, :17].detach().numpy(), alone, atol=1e-4)


def test_that_what_is_far_away_is_out_of_reach() -> None:
    model = recogniser()
    frames = torch.randn(1, 600, 80, generator=torch.Generator().manual_seed(1))
    lengths = torch.tensor([600])
    changed = frames.clone()
    changed[:, 300:] += 1
    one, other = model(frames, lengths)[0], model(changed, lengths)[0]
    assert torch.allclose(one[:, :80], other[:, :80], atol=1e-6)
    assert not torch.allclose(one[:, 101:], other[:, 101:], atol=1e-2)


def test_that_a_saved_recogniser_comes_back_in_both_precisions(tmp_path: Path) -> None:
    model = recogniser()
    wave = noise(0.4)
    model.save(tmp_path / "full", card={"task": "speech recogniser"})
    model.save(tmp_path / "half", half=True)
    assert np.array_equal(CtcRecogniser.load(tmp_path / "full").emissions(wave), model.emissions(wave))
    assert np.allclose(CtcRecogniser.load(tmp_path / "half").emissions(wave), model.emissions(wave), atol=0.02)
    assert json.loads((tmp_path / "full" / "workbench.json").read_text()) == {"task": "speech recogniser"}
    assert not list(tmp_path.rglob("*.tmp"))


def test_that_a_folder_without_a_recogniser_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read") as caught:
        CtcRecogniser.load(tmp_path)
    assert "FileNotFoundError" in caught.value.received
    recogniser().save(tmp_path)
    (tmp_path / "recogniser.json").write_text('{"vocabulary": ["a"], "width": 12}')
    with pytest.raises(InputError, match="cannot be read"):
        CtcRecogniser.load(tmp_path)


def test_that_ctc_needs_a_frame_more_for_every_double_letter() -> None:
    assert frames_needed(spelled("hello all")) == 9 + 2
    assert spelled("It's 5 o'clock!") == spelled("it's  o'clock")
