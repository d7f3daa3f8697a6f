"""Speech corpora as their authors lay them out: utterances with texts, speakers, labels, and splits of their own."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from workbench.core.audio import Segment
from workbench.core.problem import InputError, did_you_mean

MOST_LISTED = 20


class Recording(msgspec.Struct, frozen=True, omit_defaults=True):
    """One utterance of a corpus: its file, what is said, by whom, in which split; `labels` are the corpus's own.

    `start_s` and `end_s` bound a part of a longer file (0, 0: all of it).
    """

    path: str
    text: str = ""
    speaker: str = ""
    split: str = ""
    labels: dict[str, str] = {}
    start_s: float = 0.0
    end_s: float = 0.0


class Corpus(msgspec.Struct, frozen=True):
    """What was found: the layout's name and its recordings, and files that it lists but that are not there."""

    layout: str
    recordings: list[Recording]
    missing: list[str] = []


def _lines(path: Path) -> Iterator[str]:
    for line in path.read_text(encoding="utf-8-sig").splitlines():
        if line.strip():
            yield line


def _rows(path: Path) -> list[str]:
    """All lines, empty ones too: row n belongs to entry n of another file."""
    return path.read_text(encoding="utf-8-sig").splitlines()


def _fluent(root: Path) -> Iterator[Recording]:
    folder = root / "data" if (root / "data").is_dir() else root
    for split in ("train", "valid", "test"):
        for table in (folder / f"{split}_data.csv", folder / f"{split}.csv"):
            if table.is_file():
                with table.open(encoding="utf-8-sig", newline="") as file:
                    for row in csv.DictReader(file):
                        slots = {name: row[name] for name in ("action", "object", "location")}
                        path = str(root / row["path"])
                        yield Recording(path, row["transcription"], row["speakerId"], split, slots)
                break


def _libri(root: Path) -> Iterator[Recording]:
    """LibriSpeech: <subset>/<speaker>/<chapter>/<speaker>-<chapter>.trans.txt beside the FLACs."""
    for listing in sorted(root.rglob("*.trans.txt")):
        subset = listing.parent.parent.parent.name
        for line in _lines(listing):
            name, _, text = line.partition(" ")
            yield Recording(str(listing.parent / f"{name}.flac"), text, listing.parent.parent.name, subset)


def _libri_tts(root: Path) -> Iterator[Recording]:
    """LibriTTS: <subset>/<speaker>/<chapter>/<utterance>.wav with .normalized.txt beside it."""
    for listing in sorted(root.rglob("*.normalized.txt")):
        path = listing.with_name(listing.name.replace(".normalized.txt", ".wav"))
        text = listing.read_text(encoding="utf-8-sig").strip()
        yield Recording(str(path), text, listing.parent.parent.name, listing.parent.parent.parent.name)


def _aishell(root: Path) -> Iterator[Recording]:
    (listing,) = root.glob("transcript/aishell_transcript*.txt")
    texts = {}
    for line in _lines(listing):
        name, _, text = line.partition(" ")
        texts[name] = "".join(text.split())
    for path in sorted(root.glob("wav/*/*/*.wav")):
        if path.stem in texts:
            yield Recording(str(path), texts.pop(path.stem), path.parent.name, path.parent.parent.name)
    # The official list has some hundred texts whose sound was never published.


def _vctk(root: Path) -> Iterator[Recording]:
    for listing in sorted(root.glob("txt/*/*.txt")):
        speaker = listing.parent.name
        found = sorted(root.glob(f"wav48*/{speaker}/{listing.stem}*"))
        path = found[0] if found else root / "wav48_silence_trimmed" / speaker / f"{listing.stem}_mic1.flac"
        yield Recording(str(path), listing.read_text(encoding="utf-8-sig").strip(), speaker)


def _vox(root: Path) -> Iterator[Recording]:
    folder = root / "wav" if (root / "wav").is_dir() else root / "aac"
    facts = {}
    for table in root.glob("vox*_meta.csv"):
        with table.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.reader(file, delimiter="\t"):
                facts[row[0].strip()] = {"nationality": row[3].strip()} if len(row) > 3 else {}
    for path in sorted(itertools.chain(folder.glob("id*/*/*.wav"), folder.glob("id*/*/*.m4a"))):
        speaker = path.parent.parent.name
        yield Recording(str(path), "", speaker, "", facts.get(speaker, {}) | {"video": path.parent.name})


def _arctic(root: Path) -> Iterator[Recording]:
    for listing in sorted(root.glob("cmu_us_*_arctic/etc/txt.done.data")):
        folder = listing.parent.parent
        for line in _lines(listing):
            name, _, rest = line.strip("() ").partition(" ")
            text = rest.partition('"')[2].rpartition('"')[0]
            yield Recording(str(folder / "wav" / f"{name}.wav"), text, folder.name.split("_")[2])


def _must_c(root: Path) -> Iterator[Recording]:
    """MuST-C: en-xx/data/<split>/txt/<split>.{yaml,en,xx}; parts of whole talks."""
    for listing in sorted(root.rglob("txt/*.yaml")):
        split, folder = listing.stem, listing.parent
        texts = {one.suffix[1:]: _rows(one) for one in folder.glob(f"{split}.*") if one.suffix != ".yaml"}
        for number, line in enumerate(_lines(listing)):
            facts = dict(part.strip().split(": ", 1) for part in line.strip("- {}").split(", ") if ": " in part)
            start_s = float(facts["offset"])
            said = {language: rows[number] for language, rows in texts.items() if number < len(rows)}
            yield Recording(
                str(folder.parent / "wav" / facts["wav"]), said.pop("en", ""), facts.get("speaker_id", ""), split, said,
                start_s, start_s + float(facts["duration"]),
            )  # fmt: skip


def _wham(root: Path) -> Iterator[Recording]:
    for split in ("tr", "cv", "tt"):
        for path in sorted((root / split).glob("*.wav")):
            yield Recording(str(path), split=split)


def _commands(root: Path) -> Iterator[Recording]:
    lists = {"validation": root / "validation_list.txt", "test": root / "testing_list.txt"}
    parts = {line.strip(): split for split, path in lists.items() for line in _lines(path)}
    for name, split in parts.items():
        if not (root / name).is_file():
            yield Recording(str(root / name), Path(name).parent.name, "", split)
    for path in sorted(root.glob("[!_]*/*_nohash_*.wav")):
        word = path.parent.name
        split = parts.get(f"{word}/{path.name}", "train")
        yield Recording(str(path), word, path.name.partition("_nohash_")[0], split, {"word": word})


def _timit(root: Path) -> Iterator[Recording]:
    for listing in sorted(one for one in root.rglob("*") if one.suffix.upper() == ".PHN"):
        beside = {one.suffix.upper(): one for one in listing.parent.glob(f"{listing.stem}.*")}
        path = beside.get(".WAV", listing.with_suffix(".WAV"))
        text = beside[".TXT"].read_text(encoding="utf-8").split(" ", 2)[2].strip() if ".TXT" in beside else ""
        split = next((part for part in ("train", "test") if part in map(str.lower, listing.parts)), "")
        yield Recording(str(path), text, listing.parent.name, split, {"phones": str(listing)})


def phones_of(path: Path, rate_hz: int = 16_000) -> list[Segment]:
    """The phones of a TIMIT .PHN (or words of a .WRD): lines of first sample, end sample, name.

    Raises InputError naming the line.
    """
    found = []
    for number, line in enumerate(_lines(path), 1):
        try:
            start, end, name = line.split()
            found.append(Segment(int(start) / rate_hz, int(end) / rate_hz, name))
        except ValueError:
            raise InputError(
                "A line of the labels is malformed.", expected="first sample, end sample, phone", received=line[:80],
                fix="Copy the corpus again.", place=f"{path.name}, line {number}",
            ) from None  # fmt: skip
    return found


def _manifest(root: Path) -> Iterator[Recording]:
    """fairseq manifests, as SpeechT5 has them: a root, then file<TAB>samples; texts in a .txt or .ltr of the name."""
    for listing in sorted(root.glob("*.tsv")):
        rows = list(_lines(listing))
        base = Path(rows[0].split("\t")[0].strip())
        base = base if base.is_absolute() else root / base
        texts: list[str] = []
        for suffix in (".txt", ".ltr"):
            beside = listing.with_suffix(suffix)
            if beside.is_file():
                texts = [_spelled(line) if suffix == ".ltr" else line.strip() for line in _rows(beside)]
                break
        for number, row in enumerate(rows[1:]):
            cells = row.split("\t")
            labels = {"samples": cells[1]} if len(cells) > 1 else {}
            yield Recording(
                str(base / cells[0]), texts[number] if number < len(texts) else "", "", listing.stem, labels
            )  # fmt: skip


def _spelled(line: str) -> str:
    return line.replace(" ", "").replace("|", " ").strip()


_LAYOUTS: Mapping[str, tuple[Callable[[Path], bool], Callable[[Path], Iterator[Recording]]]] = {
    "fluent-speech-commands": (
        lambda root: (
            any((root / name).is_file() for name in ("data/train_data.csv", "train_data.csv"))
            or ((root / "wavs" / "speakers").is_dir() and (root / "train.csv").is_file())
        ),
        _fluent,
    ),
    "aishell-1": (lambda root: any(root.glob("transcript/aishell_transcript*.txt")), _aishell),
    "vctk": (lambda root: (root / "txt").is_dir() and any(root.glob("wav48*")), _vctk),
    "voxceleb": (lambda root: any(root.glob("wav/id*")) or any(root.glob("aac/id*")), _vox),
    "cmu-arctic": (lambda root: any(root.glob("cmu_us_*_arctic/etc/txt.done.data")), _arctic),
    "wham": (lambda root: all((root / split).is_dir() for split in ("tr", "cv", "tt")), _wham),
    "speech-commands": (lambda root: (root / "testing_list.txt").is_file(), _commands),
    "fairseq-manifest": (lambda root: any(root.glob("*.tsv")), _manifest),
    "must-c": (lambda root: any(root.rglob("txt/*.yaml")), _must_c),
    "libri-tts": (lambda root: any(root.rglob("*.normalized.txt")), _libri_tts),
    "librispeech": (lambda root: any(root.rglob("*.trans.txt")), _libri),
    "timit": (lambda root: any(one.suffix.upper() == ".PHN" for one in root.rglob("*.[Pp][Hh][Nn]")), _timit),
}
LAYOUTS = tuple(_LAYOUTS)


def read_corpus(root: Path, layout: str = "") -> Corpus:
    """The recordings of a corpus, its layout recognised where none is named; what is listed but absent in `missing`.

    Raises InputError when the folder has no such layout, or when none of its files are there.
    """
    if not root.is_dir():
        raise InputError(
            "There is no folder at this path.", expected="the folder of a speech corpus", received=str(root),
            fix="Check the path; a network drive may be away.", field="path", place=root.name,
        )  # fmt: skip
    layout = layout or next((name for name, (fits, _) in _LAYOUTS.items() if fits(root)), "")
    if layout not in _LAYOUTS:
        inside = ", ".join(sorted(one.name for one in root.iterdir())[:5]) or "nothing"
        raise InputError(
            "This folder is laid out as no speech corpus that is known.", expected=", ".join(LAYOUTS),
            received=layout or f"{root.name} with {inside}",
            fix=did_you_mean(layout, LAYOUTS) if layout else "Choose the folder that holds the corpus's own folders.",
            field="path", place=root.name,
        )  # fmt: skip
    try:
        found = list(_LAYOUTS[layout][1](root))
    except (KeyError, ValueError, IndexError, csv.Error) as error:
        raise InputError(
            f"A listing of this {layout} corpus is damaged.", expected="the listing as it was published",
            received=f"{type(error).__name__}: {error}"[:200], fix="Copy or download it again.", place=root.name,
        ) from None  # fmt: skip
    there = [one for one in found if Path(one.path).is_file()]
    missing = [one.path for one in found if not Path(one.path).is_file()]
    if not there:
        raise InputError(
            f"None of the sounds of this {layout} corpus are there.", expected="the files that its listings name",
            received=", ".join(missing[:MOST_LISTED]) or "no listing names a file",
            fix="Unpack the sounds too, beside the listings.", field="path", place=root.name,
        )  # fmt: skip
    return Corpus(layout, there, missing)
