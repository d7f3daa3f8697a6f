"""Small trees of the real corpora's shapes, with sounds that have a pitch and syllables of their own."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import soundfile

RATE_HZ = 16_000
NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def voiced(speaker: int, number: int, seconds: float = 1.6, rate_hz: int = RATE_HZ) -> np.ndarray:
    """Samples (n,): harmonics of the speaker's pitch, four syllables a second, a little noise."""
    at = np.arange(round(seconds * rate_hz)) / rate_hz
    hz = 90 + 23 * (speaker % 9) + 5 * np.sin(2 * np.pi * (1 + number % 3) * at)
    phase = 2 * np.pi * np.cumsum(hz) / rate_hz
    wave = sum(np.sin(k * phase) / k ** (1 + 0.1 * (speaker % 5)) for k in range(1, 9))
    noise = np.random.default_rng([speaker, number]).normal(0, 0.01, len(at))
    found: np.ndarray = (0.2 * wave * (0.55 - 0.45 * np.cos(2 * np.pi * 4 * at)) + noise).astype(np.float32)
    return found


def sound(path: Path, speaker: int, number: int, seconds: float = 1.6, rate_hz: int = RATE_HZ) -> Path:
    """A file of the kind that its name says: WAV, FLAC, or AAC as VoxCeleb2 has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    wave = voiced(speaker, number, seconds, rate_hz)
    if path.suffix == ".m4a":
        with av.open(str(path), "w", format="mp4") as container:
            stream = container.add_stream("aac", rate=rate_hz)
            stream.layout = "mono"
            for start in range(0, len(wave), 1024):
                frame = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], format="fltp", layout="mono")
                frame.sample_rate, frame.pts = rate_hz, start
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    else:
        soundfile.write(path, wave, rate_hz)
    return path


def sentence(speaker: int, number: int) -> str:
    """A sentence of nobody else."""
    return f"{NUMBERS[speaker % 10]} and {NUMBERS[speaker // 10]} saw the {NUMBERS[number]} boats"


def _text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _speakers(parts: dict[str, int]) -> list[tuple[str, int]]:
    return [(part, at) for at, part in enumerate(itertools.chain(*([name] * count for name, count in parts.items())))]


LIBRI = {"train-clean-100": 4, "dev-clean": 2, "test-clean": 2}


def libri_speech(root: Path, parts: dict[str, int] = LIBRI, each: int = 4) -> Path:
    """LibriSpeech/<subset>/<speaker>/<chapter>: FLACs and a .trans.txt in capitals."""
    for part, at in _speakers(parts):
        name, lines = 100 + at, []
        folder = root / "LibriSpeech" / part / f"{name}" / "1"
        for number in range(each):
            sound(folder / f"{name}-1-{number:04d}.flac", at, number)
            lines.append(f"{name}-1-{number:04d} {sentence(at, number).upper()}\n")
        _text(folder / f"{name}-1.trans.txt", "".join(lines))
    _text(root / "LibriSpeech" / "SPEAKERS.TXT", "; ID |SEX| SUBSET\n")
    return root


def libri_tts(root: Path, parts: dict[str, int] = LIBRI, each: int = 4) -> Path:
    """LibriTTS/<subset>/<speaker>/<chapter>: WAVs at 24 kHz, each with .normalized.txt and .original.txt."""
    for part, at in _speakers(parts):
        for number in range(each):
            stem = root / "LibriTTS" / part / f"{100 + at}" / "1" / f"{100 + at}_1_000001_{number:06d}"
            sound(stem.with_name(f"{stem.name}.wav"), at, number, rate_hz=24_000)
            _text(stem.with_name(f"{stem.name}.normalized.txt"), sentence(at, number).capitalize() + ".")
            _text(stem.with_name(f"{stem.name}.original.txt"), sentence(at, number))
    return root


def vctk(root: Path, speakers: int = 6, each: int = 4) -> Path:
    """VCTK 0.92: two microphones at 48 kHz; the first sentence is everybody's."""
    for at in range(speakers):
        for number in range(each):
            stem = f"p{225 + at}_{number + 1:03d}"
            text = "Please call Stella." if number == 0 else sentence(at, number).capitalize() + "."
            _text(root / "VCTK-Corpus-0.92" / "txt" / f"p{225 + at}" / f"{stem}.txt", text + "\n")
            folder = root / "VCTK-Corpus-0.92" / "wav48_silence_trimmed" / f"p{225 + at}"
            for microphone in ("mic1", "mic2"):
                sound(folder / f"{stem}_{microphone}.flac", at, number, rate_hz=48_000)
    _text(root / "VCTK-Corpus-0.92" / "speaker-info.txt", "ID  AGE  GENDER\n")
    return root


def vox_celeb(root: Path, speakers: int = 9, each: int = 3, *, second: bool = False) -> Path:
    """VoxCeleb1/wav with its two tables, or VoxCeleb2's dev/aac."""
    lines = []
    for at in range(speakers):
        for number in range(each):
            inside = f"id{10001 + at}/video{number % 2}/{number:05d}"
            folder = root / "VoxCeleb2" / "dev" / "aac" if second else root / "VoxCeleb1" / "wav"
            sound(folder / f"{inside}.{'m4a' if second else 'wav'}", at, number, seconds=1.0)
            lines.append(f"{min(number + 1, 3)} {inside}.wav\n")
    if not second:
        _text(root / "VoxCeleb1" / "iden_split.txt", "".join(lines))
        _text(root / "VoxCeleb1" / "vox1_meta.csv", "VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet\n\n"
              "id10001\tA._J._Buckley\tm\tIreland\tdev\n")  # fmt: skip
    return root


def arctic(root: Path, voices: Sequence[str] = ("bdl", "clb", "rms", "slt"), each: int = 8) -> Path:
    """CMU ARCTIC: the same sentences by all voices."""
    for at, voice in enumerate(voices):
        folder = root / f"cmu_us_{voice}_arctic"
        for number in range(each):
            sound(folder / "wav" / f"arctic_a{number:04d}.wav", at, number)
        _text(folder / "etc" / "txt.done.data",
              "".join(f'( arctic_a{number:04d} "{sentence(0, number)}." )\n' for number in range(each)))  # fmt: skip
    return root


def must_c(root: Path, target: str = "es") -> Path:
    """MuST-C: parts of whole talks with transcripts and translations."""
    for at, split in enumerate(("train", "train", "dev", "tst-COMMON")):
        data = root / f"en-{target}" / "data" / split
        sound(data / "wav" / f"ted_{at}.wav", at, 0, seconds=6.0)
        listing = data / "txt" / f"{split}.yaml"
        known = listing.read_text() if listing.is_file() else ""
        rows = [f"- {{duration: 1.6, offset: {0.1 + 1.8 * number:.2f}, rW: 4, uW: 0, speaker_id: spk.{at}, "
                f"wav: ted_{at}.wav}}\n" for number in range(3)]  # fmt: skip
        _text(listing, known + "".join(rows))
        for language, text in (("en", sentence(at, 0)[:-5]), (target, "¿Quién vio los barcos?")):
            path = data / "txt" / f"{split}.{language}"
            told = path.read_text() if path.is_file() else ""
            _text(path, told + "".join(f"{text} {NUMBERS[number]}\n" for number in range(3)))
    return root


def wham(root: Path, each: int = 3) -> Path:
    """WHAM!: wav16k/min/<part> with mixtures, clean speech and noise."""
    for at, part in enumerate(("tr", "cv", "tt")):
        for number in range(each):
            name = f"{at:02d}a0{number}_1.0_02ba_-1.0.wav"
            for kind in ("mix_single", "s1", "noise"):
                sound(root / "wav16k" / "min" / part / kind / name, at + (kind != "s1"), number)
    return root


def fluent(root: Path, each: int = 4) -> Path:
    """Fluent Speech Commands: data/*_data.csv beside wavs/speakers/<speaker>."""
    top, at = root / "fluent_speech_commands_dataset", 0
    for split, speakers in (("train", 3), ("valid", 1), ("test", 1)):
        lines = [",path,speakerId,transcription,action,object,location"]
        for _ in range(speakers):
            for number in range(each):
                path = f"wavs/speakers/s{at}/{at}{number}.wav"
                sound(top / path, at, number)
                action = ("activate", "deactivate")[number % 2]
                lines.append(f"{number},{path},s{at},Turn the lights {('on', 'off')[number % 2]},{action},lights,none")
            at += 1
        _text(top / "data" / f"{split}_data.csv", "\n".join(lines) + "\n")
    return root


def aishell(root: Path, each: int = 4) -> Path:
    """AISHELL-1: one list of spaced transcripts, of which one has no sound."""
    lines = ["BAC009S0900W0999 缺 声"]
    for at, split in enumerate(("train", "train", "dev", "test")):
        for number in range(each):
            name = f"BAC009S{2 + at:04d}W{122 + number:04d}"
            sound(root / "data_aishell" / "wav" / split / f"S{2 + at:04d}" / f"{name}.wav", at, number)
            lines.append(f"{name} {'而对楼市成交'[number]} {'抑制作用最大'[at]}")
    _text(root / "data_aishell" / "transcript" / "aishell_transcript_v0.8.txt", "\n".join(lines) + "\n")
    return root


def manifests(root: Path, width: int = 512) -> Path:
    """SpeechT5's manifests: sounds, samples and x-vectors, with .txt, .km and one root for all."""
    audio = root / "audio"
    for split, speakers in (("train", (0, 1)), ("valid", (2,)), ("test", (3,))):
        rows, texts, units = [str(audio)], [], []
        for at in speakers:
            for number in range(3):
                name = f"{at}-{number}"
                sound(audio / f"{name}.wav", at, number)
                np.save(audio / f"{name}.npy", np.random.default_rng(at).normal(size=width).astype(np.float32))
                rows.append(f"{name}.wav\t{round(1.6 * RATE_HZ)}\t{name}.npy")
                texts.append(sentence(at, number))
                units.append(" ".join(str((number + one // 4) % 8) for one in range(80)))
        _text(root / f"{split}.tsv", "\n".join(rows) + "\n")
        _text(root / f"{split}.txt", "\n".join(texts) + "\n")
        _text(root / f"{split}.km", "\n".join(units) + "\n")
    return root


def timit(root: Path) -> Path:
    """TIMIT: .WAV, .PHN and .TXT beside each other, two sentences of everybody."""
    for part, people in (("TRAIN", ("FAAA0", "FBBB0", "MCCC0")), ("TEST", ("MDDD0",))):
        for at, who in enumerate(people):
            for number, name in enumerate(("SA1", f"SX{at}", f"SI{ord(part[1]) + at}")):
                stem = root / "TIMIT" / part / "DR1" / who / name
                sound(stem.with_suffix(".WAV"), at, number)
                _text(stem.with_suffix(".PHN"), "0 3200 h#\n3200 6400 sh\n6400 25600 iy\n")
                text = "She had your dark suit." if name == "SA1" else f"{part.lower()} {sentence(at, number)}."
                _text(stem.with_suffix(".TXT"), f"0 25600 {text}\n")
    return root


def with_phones(root: Path) -> Path:
    """LibriSpeech with the published phones, one number for every 10 ms."""
    names = sorted(path.stem for path in root.rglob("*.flac"))
    _text(root / "converted_aligned_phones.txt",
          "".join(f"{name} {' '.join(['0'] * 20 + ['7'] * 30 + ['12'] * 110)}\n" for name in names))  # fmt: skip
    return root
