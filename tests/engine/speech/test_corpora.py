"""Corpora in small trees of the shape in which they are published."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.speech.sounds import tone, write
from workbench.core.problem import InputError
from workbench.engine.speech.corpora import LAYOUTS, phones_of, read_corpus


def put(root: Path, name: str, text: str | None = None) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if text is None:
        write(path, tone(0.05)) if path.suffix.lower() in (".wav", ".flac") else path.write_bytes(b"sound")
    else:
        path.write_text(text, encoding="utf-8")


HEAD = ",path,speakerId,transcription,action,object,location\n"
TREES = {
    "fluent-speech-commands": {
        "data/train_data.csv": HEAD + '0,wavs/speakers/s1/a.wav,s1,"Turn on, please",activate,lights,none\n',
        "data/test_data.csv": HEAD + "0,wavs/speakers/s2/b.wav,s2,Stop,deactivate,music,none\n",
        "wavs/speakers/s1/a.wav": None, "wavs/speakers/s2/b.wav": None,
    },
    "librispeech": {
        "train-clean-100/19/198/19-198.trans.txt": "19-198-0000 NORTHANGER ABBEY\n19-198-0001 BY JANE\n",
        "train-clean-100/19/198/19-198-0000.flac": None, "train-clean-100/19/198/19-198-0001.flac": None,
    },
    "libri-tts": {
        "dev-clean/84/121123/84_121123_000007_000001.normalized.txt": "Maximilian.",
        "dev-clean/84/121123/84_121123_000007_000001.wav": None,
    },
    "aishell-1": {
        "transcript/aishell_transcript_v0.8.txt": "BAC009S0002W0122 而 对 楼市\nBAC009S0916W0499 缺 声\n",
        "wav/train/S0002/BAC009S0002W0122.wav": None,
    },
    "vctk": {"txt/p225/p225_001.txt": "Please call Stella.\n", "wav48_silence_trimmed/p225/p225_001_mic1.flac": None},
    "voxceleb": {
        "vox1_meta.csv": "VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet\n"
        "id10001\tA._J._Buckley\tm\tIreland\tdev\n",
        "wav/id10001/1zcIwhmdeo4/00001.wav": None,
    },
    "cmu-arctic": {
        "cmu_us_bdl_arctic/etc/txt.done.data": '( arctic_a0001 "Author of the danger trail, etc." )\n',
        "cmu_us_bdl_arctic/wav/arctic_a0001.wav": None,
    },
    "must-c": {
        "en-de/data/dev/txt/dev.yaml": "- {duration: 3.5, offset: 16.08, rW: 9, uW: 0, "
        "speaker_id: spk.767, wav: ted_767.wav}\n",
        "en-de/data/dev/txt/dev.en": "There's a question.\n", "en-de/data/dev/txt/dev.de": "Es gibt eine Frage.\n",
        "en-de/data/dev/wav/ted_767.wav": None,
    },
    "wham": {"tr/a.wav": None, "cv/b.wav": None, "tt/c.wav": None},
    "speech-commands": {
        "testing_list.txt": "yes/0a_nohash_0.wav\n", "validation_list.txt": "no/0b_nohash_1.wav\n",
        "yes/0a_nohash_0.wav": None, "no/0b_nohash_1.wav": None, "no/0c_nohash_0.wav": None,
        "_background_noise_/pink_noise.wav": None,
    },
    "timit": {
        "TRAIN/DR1/FCJF0/SA1.PHN": "0 3050 h#\n3050 4559 sh\n", "TRAIN/DR1/FCJF0/SA1.WAV": None,
        "TRAIN/DR1/FCJF0/SA1.TXT": "0 46797 She had your dark suit.\n",
    },
    "fairseq-manifest": {"train.tsv": "sounds\na.wav\t800\nb.wav\t800\n", "train.ltr": "H I | Y O U |\nN O |\n",
                         "sounds/a.wav": None, "sounds/b.wav": None},
}  # fmt: skip
FIRST = {
    "fluent-speech-commands": ("Turn on, please", "s1", "train",
                               {"action": "activate", "object": "lights", "location": "none"}),
    "librispeech": ("NORTHANGER ABBEY", "19", "train-clean-100", {}),
    "libri-tts": ("Maximilian.", "84", "dev-clean", {}),
    "aishell-1": ("而对楼市", "S0002", "train", {}),
    "vctk": ("Please call Stella.", "p225", "", {}),
    "voxceleb": ("", "id10001", "", {"nationality": "Ireland", "video": "1zcIwhmdeo4"}),
    "cmu-arctic": ("Author of the danger trail, etc.", "bdl", "", {}),
    "must-c": ("There's a question.", "spk.767", "dev", {"de": "Es gibt eine Frage."}),
    "wham": ("", "", "tr", {}),
    "speech-commands": ("no", "0b", "validation", {"word": "no"}),
    "timit": ("She had your dark suit.", "FCJF0", "train", None),
    "fairseq-manifest": ("HI YOU", "", "train", {"samples": "800"}),
}  # fmt: skip


@pytest.fixture(params=LAYOUTS)
def tree(request, tmp_path):
    for name, text in TREES[request.param].items():
        put(tmp_path / "corpus", name, text)
    return request.param, tmp_path / "corpus"


def test_that_a_published_tree_is_recognised_and_read(tree):
    layout, root = tree
    found = read_corpus(root)
    assert found.layout == layout and found.missing == []
    sounds = [name for name, text in TREES[layout].items() if text is None and not name.startswith("_")]
    assert len(found.recordings) == len(sounds) and all(Path(one.path).is_file() for one in found.recordings)
    first = found.recordings[0]
    text, speaker, split, labels = FIRST[layout]
    assert (first.text, first.speaker, first.split) == (text, speaker, split)
    assert labels is None or first.labels == labels


def test_that_splits_and_parts_are_the_corpus_own(tmp_path):
    for layout in ("speech-commands", "must-c", "timit"):
        for name, text in TREES[layout].items():
            put(tmp_path / layout, name, text)
    assert [one.split for one in read_corpus(tmp_path / "speech-commands").recordings] == [
        "validation",
        "train",
        "test",
    ]
    (talk,) = read_corpus(tmp_path / "must-c").recordings
    assert (talk.start_s, talk.end_s) == (16.08, pytest.approx(19.58))
    (timit,) = read_corpus(tmp_path / "timit").recordings
    assert [(one.text, one.end_s) for one in phones_of(Path(timit.labels["phones"]))] == [
        ("h#", 3050 / 16000),
        ("sh", 4559 / 16000),
    ]


def test_that_missing_sounds_are_listed(tmp_path):
    for name, text in TREES["librispeech"].items():
        put(tmp_path / "some", name, text)
    (gone,) = tmp_path.rglob("19-198-0001.flac")
    gone.unlink()
    found = read_corpus(tmp_path / "some")
    assert found.missing == [str(gone)] and len(found.recordings) == 1
    next(tmp_path.rglob("19-198-0000.flac")).unlink()
    with pytest.raises(InputError, match="None of the sounds") as caught:
        read_corpus(tmp_path / "some")
    assert "19-198-0000.flac" in caught.value.received


def test_that_other_folders_and_damaged_listings_are_refused(tmp_path):
    put(tmp_path / "other", "readme.txt", "hello")
    with pytest.raises(InputError, match="no speech corpus") as caught:
        read_corpus(tmp_path / "other")
    assert "readme.txt" in caught.value.received
    put(tmp_path / "bad", "data/train_data.csv", "a,b\n1,2\n")
    with pytest.raises(InputError, match="damaged"):
        read_corpus(tmp_path / "bad")
    with pytest.raises(InputError, match="no folder"):
        read_corpus(tmp_path / "nowhere")
    put(tmp_path, "a.PHN", "0 x sh\n")
    with pytest.raises(InputError, match="malformed"):
        phones_of(tmp_path / "a.PHN")


def test_that_an_empty_text_does_not_shift_the_others(tmp_path):
    for name, text in {**TREES["fairseq-manifest"], "train.ltr": "\nN O |\n"}.items():
        put(tmp_path, name, text)
    assert [one.text for one in read_corpus(tmp_path).recordings] == ["", "NO"]
