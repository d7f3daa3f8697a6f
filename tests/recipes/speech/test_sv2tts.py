"""Voice cloning: the loss, what must be apart, how phones meet frames, and voices that speak."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from torch.nn import functional as F

from workbench.core.audio import Segment
from workbench.core.cloning import SYNTHETIC
from workbench.core.problem import InputError
from workbench.engine.backbone_folders import STARTERS
from workbench.engine.speech.bank.speakers import Speaker, draw_speakers
from workbench.engine.speech.speaker_encoder import Shape, SpeakerEncoder, load_speaker_encoder
from workbench.recipes.speech.sv2tts import attention, data, ge2e, measures, serve, synthesiser
from workbench.recipes.speech.sv2tts.recipe import Sv2tts

VOICE = STARTERS / "voice-synthesiser"


class Lane:
    """What apply is given, without a worker."""

    device = "cpu"

    def __init__(self) -> None:
        self.cache: dict[Any, Any] = {}

    def progress(self, done: int, of: int, words: str = "") -> None:
        assert done <= of


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))


def test_that_an_utterance_is_left_out_of_its_own_centroid() -> None:
    vectors = F.normalize(torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(1)), dim=-1)
    found = ge2e.similarities(vectors)
    own = F.normalize(vectors[1, [0, 1, 3]].mean(0), dim=0)
    other = F.normalize(vectors[2].mean(0), dim=0)
    assert float(found[1, 2, 1]) == pytest.approx(float(vectors[1, 2] @ own), abs=1e-6)
    assert float(found[1, 2, 2]) == pytest.approx(float(vectors[1, 2] @ other), abs=1e-6)


def test_that_the_equal_error_rate_is_that_of_its_definition() -> None:
    same = np.array([True] * 4 + [False] * 4)
    assert ge2e.equal_error_rate(np.array([4, 3, 2, 1, 0, -1, -2, -3.0]), same) == 0
    assert ge2e.equal_error_rate(np.array([4, 3, 2, 0, 1, -1, -2, -3.0]), same) == pytest.approx(0.25)
    assert ge2e.equal_error_rate(np.zeros(8), same) == pytest.approx(0.5)


def test_that_few_speakers_give_as_many_crops_a_step_and_a_resumed_run_the_same() -> None:
    torch.manual_seed(0)
    model = ge2e.Ge2e(SpeakerEncoder(Shape(layers=1, cells=8, width=4)))
    voices = [np.random.default_rng(at).integers(-3000, 3000, 40_000).astype(np.int16) for at in range(4)]
    params = Sv2tts(batch_speakers=8, batch_utterances=2)
    task = ge2e.Verification(model, voices, params, seed=5)
    task.progress(0.0)
    batch = task.collate([0, 1, 2, 3])
    assert batch["windows"].shape[:2] == (4, 4)
    again = ge2e.Verification(model, voices, params, seed=5)
    again.load_state(task.state())
    assert torch.equal(again.collate([0, 1, 2, 3])["windows"], batch["windows"])


def test_that_a_voice_in_two_parts_and_unequal_counts_are_refused() -> None:
    drawn = draw_speakers({"one": 3, "two": 3}, 1)
    data.check_apart(drawn)
    with pytest.raises(InputError, match="same voice"):
        data.check_apart(drawn | {"two": [*drawn["two"], drawn["one"][0]]})
    voices = [data.Voice(one, np.zeros(1, np.int16), 8) for one in drawn["one"]]
    data.check_equal(voices, 24)
    with pytest.raises(InputError, match="equally many"):
        data.check_equal(voices, 32)


def test_that_all_other_parts_are_the_same_however_many_speakers_the_encoder_has() -> None:
    def others(count: int) -> list[Speaker]:
        drawn = draw_speakers({"test": 4, "voices": 4, "judge": 4, "encoder": count}, 3)
        return [*drawn["test"], *drawn["voices"], *drawn["judge"], *drawn["encoder"][:2]]

    assert others(2) == others(64)


def test_that_lengths_of_phones_add_up_to_the_frames_with_silence_between() -> None:
    said = [Segment(0.05, 0.10, "ˈa"), Segment(0.10, 0.101, "b"), Segment(0.2, 0.3, "c")]
    names, lengths = data.timed(said, 30)
    assert names == ("sil", "ˈa", "b", "sil", "c", "sil")
    assert lengths == (4, 4, 0, 8, 8, 6)
    assert data.numbered(["ˈa", "q"], {"": 0, "a": 1, "sil": 2}) == [1, 2]


def test_that_phones_are_spread_over_their_frames() -> None:
    read = torch.tensor([[[1.0], [2.0], [3.0]]])
    found = synthesiser.spread(read, torch.tensor([[2, 0, 3]]))
    assert found[0, :, 0].tolist() == [1, 1, 3, 3, 3]
    assert found[0, :, 1].tolist() == pytest.approx([0.25, 0.75, 1 / 6, 0.5, 5 / 6])
    assert synthesiser.predicted(torch.log(torch.tensor([2.5, 2.5])), 1.0).tolist() == [2, 1]


@pytest.mark.parametrize("aligner", ["durations", "attention"])
def test_that_a_synthesiser_says_any_number_of_phones(aligner: str) -> None:
    torch.manual_seed(2)
    model = synthesiser.Synthesiser(synthesiser.Size(6, 20, 4, 8, 2, aligner, 2)).eval()
    frames, told = model.say(torch.tensor([1, 2, 3, 4]), torch.zeros(4))
    assert frames.shape[1] == 20
    assert torch.isfinite(frames).all()
    if aligner == "attention":
        assert torch.allclose(told.sum(1), torch.ones(len(told)), atol=1e-5)
    else:
        assert len(frames) == int(told.sum())


def test_that_diagonality_tells_a_path_from_a_stare() -> None:
    assert attention.diagonality(torch.eye(9)) == pytest.approx(1)
    assert attention.diagonality(torch.eye(9).flip(0)) == pytest.approx(-1)
    assert attention.diagonality(torch.ones(9, 9) / 9) == pytest.approx(0, abs=1e-6)


def test_that_a_distance_of_nothing_is_0_and_loudness_does_not_count() -> None:
    mels = np.random.default_rng(0).standard_normal((10, 20)).astype(np.float32)
    line = data.Line("x", "s", ("sil", "a"), (4, 6), mels, np.zeros(1, np.float32))
    assert measures.cepstral_distance(mels + 1, line) == pytest.approx(0, abs=1e-4)
    silent = mels.copy()
    silent[:4] += np.linspace(0, 5, 20, dtype=np.float32)
    assert measures.cepstral_distance(silent, line) == pytest.approx(0, abs=1e-4)
    assert measures.semitones(200, 100) == pytest.approx(12)


def test_that_between_two_voices_lies_the_arc() -> None:
    one, other = np.eye(3, dtype=np.float32)[:2]
    middle = serve.between(one, other, 0.5)
    assert middle.tolist() == pytest.approx([2**-0.5, 2**-0.5, 0])
    assert serve.between(one, other, 0.0).tolist() == pytest.approx(one.tolist())
    drawn = np.stack([serve.fictitious(seed, 64) for seed in range(300)])
    assert np.abs(drawn.mean(0)).max() < 0.05
    assert serve.nearest(other, {"a": one, "b": other}) == ("b", 1.0)


def test_that_the_starter_says_a_text_with_a_sounds_voice_and_its_file_tells_that_it_is_synthetic(
    tmp_path: Path,
) -> None:
    lane, out = Lane(), tmp_path / "said.flac"
    first = serve.answer(lane, VOICE, {"text": "A quiet village.", "voice": "sample:speaker-bank"})
    asked = {
        "text": "The old man. It rained.",
        "voice": first.sound,
        "out": str(out),
        "vector": str(tmp_path / "v.npy"),
    }
    found = serve.answer(lane, VOICE, asked)
    with soundfile.SoundFile(out) as file:
        assert file.comment == SYNTHETIC
        wave = file.read()
    assert len(wave) / 16_000 == pytest.approx(found.duration_s)
    assert 1.0 < found.duration_s < 6.0
    assert np.sqrt((wave**2).mean()) > 0.01
    vector = np.load(found.vector)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    again = serve.answer(lane, VOICE, asked | {"voice": found.vector, "other": "fictitious:4", "mix": 0})
    assert np.allclose(np.load(again.vector), vector, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"text": " ?! "}, "text"), ({"stretch": 5}, "stretch"), ({"iterations": "many"}, "iterations"),
        ({"out": "/nowhere/a.wav"}, "out"), ({"voice": "fictitious:me"}, "voice"), ({"voice": "/none.wav"}, "path"),
    ],
)  # fmt: skip
def test_that_nonsense_is_refused_on_its_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as caught:
        serve.answer(Lane(), VOICE, {"text": "A word.", "voice": "fictitious:1"} | change)
    assert caught.value.field == field


def test_that_the_starter_encoder_is_small_and_tells_of_its_training() -> None:
    encoder = load_speaker_encoder(STARTERS / "speaker-encoder")
    assert isinstance(encoder, SpeakerEncoder)
    assert encoder.facts["data"] == "synthetic speech (espeak-ng)"
    assert sum(one.stat().st_size for one in (STARTERS / "speaker-encoder").iterdir()) < 2_000_000
