"""Own data for the six tasks: corpora in their real shape, published divisions, manifests with units."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from workbench.core.problem import InputError
from workbench.engine.speech.listening import read_wave
from workbench.recipes.speech.speecht5 import folders
from workbench.recipes.speech.speecht5.recipe import ALL, ASR, BANK, SE, SID, ST, TTS, VC, SpeechT5, run

SMALL = run.presets["smoke"]
assert isinstance(SMALL, SpeechT5)
RATE_HZ = 16_000


@pytest.fixture(autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path_factory.mktemp("home")))


def _job() -> Any:
    told: list[str] = []
    return SimpleNamespace(
        inputs={}, seed=1, told=told, log=lambda text, level="info": told.append(text),
        progress=lambda _done, _of: None, phase=lambda _name, total=0: None,
    )  # fmt: skip


def _sound(path: Path, seed: int = 0, seconds: float = 0.4) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    wave = np.random.default_rng(seed).normal(0, 0.1, int(seconds * RATE_HZ)).astype(np.float32)
    soundfile.write(path, wave, RATE_HZ)
    return wave


def _libri(root: Path) -> Path:
    for number, (subset, speaker) in enumerate(
        [("train-clean-100", "19"), ("train-clean-100", "26"), ("dev-clean", "84"), ("test-clean", "61")]
    ):
        folder = root / subset / speaker / "1"
        lines = []
        for at in range(2):
            name = f"{speaker}-1-{at:04d}"
            _sound(folder / f"{name}.flac", seed=10 * number + at)
            lines.append(f"{name} SENTENCE {'ABCD'[number]} {'XY'[at]}")
        (folder / f"{speaker}-1.trans.txt").write_text("\n".join(lines))
    return root


def test_that_librispeech_is_divided_as_published_for_recognition_and_speech(tmp_path: Path) -> None:
    job = _job()
    found = folders.own(job, BANK.address, str(_libri(tmp_path)), SMALL)
    assert set(found.tasks) == {ASR, TTS}
    parts = found.tasks[ASR]
    assert sorted(one.answer for one in parts.train) == ["sentence a x", "sentence a y", "sentence b x", "sentence b y"]
    assert {one.voices for one in parts.test} == {("61",)}
    assert {one.voices for one in parts.development} == {("84",)}
    assert not found.shared_voices
    assert len(found.speech) == SMALL.unlabelled
    frames = np.concatenate([one.heard for one in parts.train if one.heard is not None])
    assert np.abs(frames.mean(0)).max() < 0.2
    with pytest.raises(InputError, match="ST cannot be learned"):
        folders.own(job, BANK.address, str(tmp_path), SMALL.replace(task=ST))


def test_that_speech_without_labels_leaves_out_what_is_tested(tmp_path: Path) -> None:
    root, job = _libri(tmp_path), _job()
    found = folders.own(job, str(root), str(root), SMALL)
    assert found.speech_voices == {"19", "26", "84"}
    assert "sentence d x" not in found.text
    assert any("left out" in one for one in job.told)


def test_that_must_c_gives_translations_of_parts_of_talks(tmp_path: Path) -> None:
    for at, split in enumerate(("train", "dev", "tst-COMMON")):
        data = tmp_path / "en-es" / "data" / split
        wave = _sound(data / "wav" / f"ted_{at}.wav", seed=at, seconds=2.0)
        (data / "txt").mkdir()
        (data / "txt" / f"{split}.yaml").write_text(
            "\n".join(f"- {{duration: 0.5, offset: {start}, speaker_id: spk.{at}, wav: ted_{at}.wav}}"
                      for start in (0.25, 1.0))
        )  # fmt: skip
        (data / "txt" / f"{split}.en").write_text(f"talk {at} begins\ntalk {at} ends\n".replace("0", "a").replace(
            "1", "b").replace("2", "c"))  # fmt: skip
        (data / "txt" / f"{split}.es").write_text("¡Empieza, señor!\nTermina.\n")
        part = read_wave(data / "wav" / f"ted_{at}.wav", 0.25, 0.75)
        assert np.allclose(part, wave[4000:12_000], atol=1e-3)
    found = folders.own(_job(), BANK.address, str(tmp_path), SMALL.replace(task=ST))
    assert sorted(one.answer for one in found.tasks[ST].train) == ["empieza señor", "termina"]
    assert {one.voices for one in found.tasks[ST].test} == {("spk.2",)}


def test_that_arctic_converts_all_voices_to_one_by_sentence(tmp_path: Path) -> None:
    names = [f"arctic_a{at:04d}" for at in range(6)]
    for number, voice in enumerate(("bdl", "clb", "slt")):
        root = tmp_path / f"cmu_us_{voice}_arctic"
        for at, name in enumerate(names):
            _sound(root / "wav" / f"{name}.wav", seed=10 * number + at)
        (root / "etc").mkdir()
        (root / "etc" / "txt.done.data").write_text(
            "\n".join(f'( {name} "Sentence {"abcdef"[at]}." )' for at, name in enumerate(names))
        )
    job = _job()
    found = folders.own(job, BANK.address, str(tmp_path), SMALL.replace(task=VC))
    parts = found.tasks[VC]
    assert {one.voices for one in parts.train} <= {("bdl", "slt"), ("clb", "slt")}
    assert {one.sentence for one in parts.test} == {"sentence f"}
    assert {one.sentence for one in parts.development} == {"sentence e"}
    assert all(one.heard is not None and one.said is not None for one in parts.train)
    assert any("share voices" in one for one in job.told)


def test_that_wham_pairs_noisy_speech_with_its_clean_one(tmp_path: Path) -> None:
    for at, part in enumerate(("tr", "cv", "tt")):
        for number in range(2):
            _sound(tmp_path / part / "mix_single" / f"{at}{number}.wav", seed=at, seconds=0.5)
            _sound(tmp_path / part / "s1" / f"{at}{number}.wav", seed=at + 5, seconds=0.4)
    found = folders.own(_job(), BANK.address, str(tmp_path), SMALL.replace(task=SE))
    assert len(found.tasks[SE].train) == 2
    for one in found.tasks[SE].train:
        assert one.heard is not None
        assert one.said is not None
        assert one.heard.shape == one.said.shape
    for part in ("tr", "cv", "tt"):
        _sound(tmp_path / "other" / part / "mix_single" / "a.wav")
    with pytest.raises(InputError, match="no noisy speech"):
        folders.known_of(tmp_path / "other")


def test_that_voxceleb_needs_its_published_division(tmp_path: Path) -> None:
    lines = []
    for speaker in ("id10001", "id10002"):
        for at in range(3):
            _sound(tmp_path / "wav" / speaker / "video" / f"{at:05d}.wav", seed=at)
            lines.append(f"{at + 1} {speaker}/video/{at:05d}.wav")
    with pytest.raises(InputError, match="published division"):
        folders.known_of(tmp_path)
    (tmp_path / "iden_split.txt").write_text("\n".join(lines))
    found = folders.own(_job(), BANK.address, str(tmp_path), SMALL.replace(task=SID))
    assert found.told_apart == ("id10001", "id10002")
    assert [len(part) for part in (found.tasks[SID].train, found.tasks[SID].development, found.tasks[SID].test)] == [
        2, 2, 2,
    ]  # fmt: skip
    assert {one.speaker for one in found.tasks[SID].test} == {0, 1}


def _manifest(root: Path) -> Path:
    rows = []
    for at in range(4):
        wave = _sound(root / "audio" / f"{at}.wav", seed=at)
        rows.append(f"{at}.wav\t{len(wave)}")
    (root / "train.tsv").write_text("\n".join([str(root / "audio"), *rows]))
    (root / "train.km").write_text("\n".join(" ".join(str((at + one) % 8) for one in range(20)) for at in range(4)))
    return root


def test_that_a_manifests_units_are_taken_every_second_one(tmp_path: Path) -> None:
    root = _manifest(tmp_path / "manifest")
    units = folders.published_units(root)
    assert units[str(root / "audio" / "1.wav")][:3].tolist() == [1, 2, 3]
    found = folders.own(_job(), str(root), BANK.address, SMALL)
    assert len(found.speech) == 4
    for one in found.speech:
        assert one.units is not None
        assert len(one.units) == -(-len(one.mel) // 2)
        assert (np.diff(one.units[:4]) % 8 == 2).all()
    with pytest.raises(InputError, match="more than the network names"):
        folders.own(_job(), str(root), BANK.address, SMALL.replace(units=4))


def test_that_units_that_do_not_fit_the_manifest_are_told(tmp_path: Path) -> None:
    root = _manifest(tmp_path)
    (root / "train.km").write_text("1 2\n3 x\n1\n2")
    with pytest.raises(InputError, match="malformed") as told:
        folders.published_units(root)
    assert "line 2" in told.value.place
    (root / "train.km").write_text("1 2")
    with pytest.raises(InputError, match="do not fit"):
        folders.published_units(root)


def test_that_sounds_without_texts_serve_no_task_and_previews_say_what_does(tmp_path: Path) -> None:
    _manifest(tmp_path / "bare")
    with pytest.raises(InputError, match="None of the six tasks"):
        folders.known_of(tmp_path / "bare")
    seen = folders.preview_folder("tasks", str(_libri(tmp_path / "libri")))
    assert seen.detail == "for ASR, TTS"
    assert seen.labels == {"train": 4, "development": 2, "test": 2}
    assert folders.preview_folder("speech", str(tmp_path / "bare")).detail == "4 with units"
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no sound"):
        folders.preview_folder("speech", str(tmp_path / "empty"))
    assert SMALL.task == ALL
