"""Own speech: LibriSpeech with published phones, TIMIT, plain folders; divided so that the test hears nobody known."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from workbench.core.problem import InputError
from workbench.recipes.speech.tera import data, folders
from workbench.recipes.speech.tera.recipe import Tera, run

SMALL = run.presets["smoke"]
assert isinstance(SMALL, Tera)
ALL = SMALL.replace(labelled=0, test=0, development=100, unlabelled=0)
RATE = 16_000


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))


def _job(**inputs: str) -> Any:
    told: list[str] = []
    return SimpleNamespace(
        inputs=inputs, seed=1, told=told, log=lambda text, level="info": told.append(text),
        progress=lambda _done, _of: None, phase=lambda _name, total=0: None,
    )  # fmt: skip


def _sound(path: Path, seed: int, seconds: float = 0.3) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    wave = np.random.default_rng(seed).normal(0, 0.1, int(seconds * RATE)).astype(np.float32)
    soundfile.write(path, wave, RATE, format="FLAC" if path.suffix == ".flac" else "WAV")


def _libri(root: Path, *, speakers: int = 6, each: int = 5) -> Path:
    lines = []
    for speaker in range(speakers):
        chapter = root / "train-clean-100" / f"{10 + speaker}" / "1"
        names = [f"{10 + speaker}-1-{at:04d}" for at in range(each)]
        for at, name in enumerate(names):
            _sound(chapter / f"{name}.flac", 100 * speaker + at)
            lines.append(f"{name} " + " ".join(["0"] * 10 + [str(1 + at % 3)] * 10 + ["4"] * 10))
        told = "".join(f"{name} SENTENCE {speaker} {at}\n" for at, name in enumerate(names))
        (chapter / f"{10 + speaker}-1.trans.txt").write_text(told)
    (root / folders.ALIGNED).write_text("\n".join(lines) + "\n")
    return root


def test_that_published_phones_every_10_ms_come_to_the_frames_every_12_5_ms(tmp_path: Path) -> None:
    found = data.load(_job(sounds=str(_libri(tmp_path / "libri")), phones=str(tmp_path / "libri")), ALL)
    one = next(one for one in found.phones.train if one.name.endswith("0001"))
    # 0 up to 100 ms, 2 up to 200 ms, 4 up to 300 ms; frame 24 lies at 300 ms, where nothing is labelled.
    assert one.phones == ("0",) * 8 + ("2",) * 8 + ("4",) * 8 + ("sil",)


def test_that_libri_speech_is_divided_by_speakers_and_test_speakers_are_not_learned_from(tmp_path: Path) -> None:
    root = str(_libri(tmp_path / "libri"))
    found = data.load(_job(sounds=root, phones=root), ALL)
    parts = [
        {one.speaker for one in part} for part in (found.phones.train, found.phones.development, found.phones.test)
    ]
    assert [len(part) for part in parts] == [4, 1, 1]
    assert not parts[2] & {one.speaker for one in found.unlabelled}
    tested = {one.name for one in found.speakers.test}
    assert tested
    assert not tested & {one.name for one in [*found.unlabelled, *found.speakers.train]}


def test_that_the_published_lists_are_followed_and_shared_speakers_are_told(tmp_path: Path) -> None:
    root = _libri(tmp_path / "libri", speakers=3)
    names = [line.split()[0] for line in (root / folders.ALIGNED).read_text().splitlines()]
    test = {name for name in names if name.endswith("0004")}
    (root / "train_split.txt").write_text("\n".join(name for name in names if name not in test))
    job = _job(sounds=str(root), phones=str(root))
    with pytest.raises(InputError, match="published division"):
        data.load(job, ALL.replace(split="published"))
    (root / "test_split.txt").write_text("\n".join(sorted(test)))
    found = data.load(job, ALL.replace(split="published"))
    assert {one.name for one in found.phones.test} == test
    assert not test & {one.name for one in [*found.unlabelled, *found.phones.train, *found.phones.development]}
    assert any("speakers that are heard in training" in line for line in job.told)


def test_that_a_malformed_line_of_phones_is_named(tmp_path: Path) -> None:
    root = _libri(tmp_path / "libri", speakers=1)
    with (root / folders.ALIGNED).open("a") as file:
        file.write("10-1-0009 1 two 3\n")
    with pytest.raises(InputError) as caught:
        folders.known_of(root)
    assert caught.value.place.endswith("line 6")


def test_that_speech_without_phones_is_refused_and_says_what_is_missing(tmp_path: Path) -> None:
    root = _libri(tmp_path / "libri", speakers=1)
    (root / folders.ALIGNED).unlink()
    with pytest.raises(InputError, match="no phones") as caught:
        folders.known_of(root)
    assert folders.ALIGNED in caught.value.fix


def _timit(root: Path) -> Path:
    for part, people in (("TRAIN", ("FAAA0", "FBBB0", "MCCC0")), ("TEST", ("MDDD0",))):
        for number, who in enumerate(people):
            for name in ("SA1", f"SX{number}", f"SI{ord(part[1]) + number}"):
                stem = root / part / "DR1" / who / name
                _sound(stem.with_suffix(".WAV"), number)
                stem.with_suffix(".PHN").write_text("0 1600 h#\n1600 3200 sh\n3200 4800 h#\n")
                text = "0 4800 Everybody says this." if name == "SA1" else f"0 4800 {part} says {name}."
                stem.with_suffix(".TXT").write_text(text + "\n")
    return root


def test_that_timit_keeps_its_test_and_leaves_out_what_everybody_says(tmp_path: Path) -> None:
    root = _timit(tmp_path / "timit")
    found = data.load(_job(sounds=str(root), phones=str(root)), ALL)
    assert {one.speaker for one in found.phones.test} == {"MDDD0"}
    everyone = [*found.phones.train, *found.phones.development, *found.phones.test]
    assert len(everyone) == 8
    assert not any(one.name.endswith("SA1") for one in everyone)
    assert set(everyone[0].phones) == {"sil", "sh"}
    assert "MDDD0" not in {one.speaker for one in found.unlabelled}


def test_that_any_folder_of_sounds_can_be_learned_from_beside_generated_phones(tmp_path: Path) -> None:
    for at in range(3):
        _sound(tmp_path / "own" / "deeper" / f"{at}.wav", at)
    (tmp_path / "own" / "notes.txt").write_text("no sound")
    found = data.load(_job(sounds=str(tmp_path / "own")), SMALL)
    assert sorted(one.name for one in found.unlabelled) == ["0", "1", "2"]
    assert found.phones.test


def test_that_a_folder_without_sounds_and_too_few_speakers_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no sound"):
        data.preview("sounds", str(tmp_path / "empty"), {})
    root = str(_libri(tmp_path / "libri", speakers=2))
    with pytest.raises(InputError, match="too few"):
        data.load(_job(sounds=root, phones=root), ALL)


def test_that_a_folder_is_told_before_it_is_learned_from(tmp_path: Path) -> None:
    root = str(_libri(tmp_path / "libri", speakers=1))
    told = data.preview("phones", root, {})
    assert told.format == "librispeech"
    assert told.row_count == 5
    assert told.labels["0"] == 5
    assert len(data.preview("sounds", root, {}).rows) == 5
