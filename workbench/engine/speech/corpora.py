"""Speech corpora as their authors lay them out: utterances with texts, speakers, labels, and splits of their own."""

from __future__ import annotations

import contextlib
import csv
import itertools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from workbench.core.audio import SOUND_SUFFIXES, Segment
from workbench.core.problem import InputError, did_you_mean

MOST_LISTED, MOST_TOLD = 20, 5
MANIFEST = "fairseq-manifest"


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

    @property
    def gaps(self) -> str:
        """What to tell of files that are not there; empty where all are."""
        if not self.missing:
            return ""
        names = ", ".join(self.missing[:MOST_TOLD]) + (" …" if len(self.missing) > MOST_TOLD else "")
        return f"{len(self.missing)} sounds that the listings name are not there and are left out: {names}"


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
    sounds = sorted(root.glob("wav/*/*/*.wav"))
    for path in sounds:
        if path.stem in texts:
            yield Recording(str(path), texts.pop(path.stem), path.parent.name, path.parent.parent.name)
    # The official list has some hundred texts whose sound was never published, so gaps mean nothing; no sound does.
    if not sounds:
        yield from (Recording(str(root / "wav" / "*" / name[6:11] / f"{name}.wav")) for name in texts)


def _vctk(root: Path) -> Iterator[Recording]:
    """VCTK: txt/<speaker>/<name>.txt, and wav48*/<speaker>/<name>.wav or <name>_mic1.flac; the first microphone."""
    for folder in sorted(root.glob("txt/*/")):
        speaker = folder.name
        # A speaker's sounds are listed once: the corpus has 44,000.
        sounds: dict[str, Path] = {}
        for path in sorted(root.glob(f"wav48*/{speaker}/*")):
            sounds.setdefault(path.stem.partition("_mic")[0], path)
        for listing in sorted(folder.glob("*.txt")):
            otherwise = root / "wav48_silence_trimmed" / speaker / f"{listing.stem}_mic1.flac"
            path = sounds.get(listing.stem, otherwise)
            yield Recording(str(path), listing.read_text(encoding="utf-8-sig").strip(), speaker)


def _vox(root: Path) -> Iterator[Recording]:
    """VoxCeleb1 (wav) and 2 (dev/aac): wav/<speaker>/<video>/<number>.wav; vox1_meta.csv tells nationalities."""
    facts = {}
    for table in root.glob("vox1_meta.csv"):
        with table.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.reader(file, delimiter="\t"):
                if len(row) > 3:
                    facts[row[0].strip()] = {"nationality": row[3].strip()}
    found = (root.glob(f"{start}{kind}/id*/*/*.{end}") for start in ("", "*/")
             for kind, end in (("wav", "wav"), ("aac", "m4a")))  # fmt: skip
    for path in sorted(itertools.chain(*found)):
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
    """WHAM!: <split>/mix_single, or, of the noise alone, <split>; names tell neither voices nor sentences."""
    for split in ("tr", "cv", "tt"):
        for path in sorted([*(root / split).glob("*.wav"), *(root / split / "mix_single").glob("*.wav")]):
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
    """fairseq manifests, as SpeechT5 has them: a root, then file<TAB>samples; texts in a .txt or .ltr of the name.

    A third column, as in SpeechT5's of text to speech, names the .npy of the speaker's x-vector.
    """
    for listing in filter(_is_manifest, sorted(root.glob("*.tsv"))):
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
            if len(cells) > 2 and cells[2].endswith(".npy"):
                labels["x_vector"] = str(base / cells[2])
            yield Recording(
                str(base / cells[0]), texts[number] if number < len(texts) else "", "", listing.stem, labels
            )  # fmt: skip


def _is_manifest(path: Path) -> bool:
    """Whether a .tsv begins with a folder alone and goes on with sounds and their samples."""
    with contextlib.suppress(OSError, UnicodeDecodeError), path.open(encoding="utf-8-sig") as file:
        first, second = file.readline(), file.readline().split("\t")
        return bool(first.strip()) and "\t" not in first.strip() and second[1:2] != [] and second[1].strip().isdigit()
    return False


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
    "voxceleb": (
        lambda root: any(any(root.glob(f"{one}/id*")) for one in ("wav", "aac", "*/wav", "*/aac")),
        _vox,
    ),
    "cmu-arctic": (lambda root: any(root.glob("cmu_us_*_arctic/etc/txt.done.data")), _arctic),
    "wham": (lambda root: all((root / split).is_dir() for split in ("tr", "cv", "tt")), _wham),
    "speech-commands": (lambda root: (root / "testing_list.txt").is_file(), _commands),
    MANIFEST: (lambda root: any(map(_is_manifest, root.glob("*.tsv"))), _manifest),
    "must-c": (lambda root: any(root.rglob("txt/*.yaml")), _must_c),
    "libri-tts": (lambda root: any(root.rglob("*.normalized.txt")), _libri_tts),
    "librispeech": (lambda root: any(root.rglob("*.trans.txt")), _libri),
    "timit": (lambda root: any(one.suffix.upper() == ".PHN" for one in root.rglob("*.[Pp][Hh][Nn]")), _timit),
}
LAYOUTS = tuple(_LAYOUTS)


def read_corpus(root: Path, layout: str = "") -> Corpus:
    """The recordings of a corpus, its layout recognised where none is named; what is listed but absent in `missing`.

    The corpus may also be the only one among the folder's own folders, as archives unpack it. Raises InputError when
    there is no such layout, a listing is damaged, or none of its files are there.
    """
    _check_folder(root)
    where, found = _recognised(root, layout)
    if not found:
        inside = ", ".join(sorted(one.name for one in root.iterdir())[:5]) or "nothing"
        named = layout and layout not in LAYOUTS
        other = _recognised(root, "")[1] if layout else ""
        raise InputError(
            f"This folder is not laid out as {layout}." if layout else
            "This folder is laid out as no speech corpus that is known.",
            expected=layout if layout and not named else ", ".join(LAYOUTS),
            received=other or layout if named else other or f"{root.name} with {inside}",
            fix=did_you_mean(layout, LAYOUTS) if named else "Choose the folder that holds the corpus's own folders.",
            field="path", place=root.name,
        )  # fmt: skip
    return _read(where, found)


def sounds_below(root: Path) -> Corpus:
    """What a known corpus lists, or every sound below a folder, whose folders then tell the speakers.

    The layout is empty where none was recognised. Raises InputError as read_corpus does for a known one, and where
    there is no folder; a folder without any sound has no recordings.
    """
    _check_folder(root)
    where, layout = _recognised(root, "")
    if layout:
        return _read(where, layout)
    paths = [path for path in sorted(root.rglob("*")) if path.suffix.lower() in SOUND_SUFFIXES and path.is_file()]
    speakers = ["" if path.parent == root else path.relative_to(root).parts[0] for path in paths]
    return Corpus("", [Recording(str(path), speaker=who) for path, who in zip(paths, speakers, strict=True)])


def _check_folder(root: Path) -> None:
    if not root.is_dir():
        raise InputError(
            "There is no folder at this path.", expected="the folder of a speech corpus", received=str(root),
            fix="Check the path; a network drive may be away.", field="path", place=root.name,
        )  # fmt: skip


def _recognised(root: Path, layout: str) -> tuple[Path, str]:
    """The folder that holds a corpus and its layout: this one, or the only one within that does; "" where none."""
    names = [one for one in LAYOUTS if layout in ("", one)]

    def layout_of(folder: Path) -> str:
        return next((name for name in names if _LAYOUTS[name][0](folder)), "")

    if own := layout_of(root):
        return root, own
    # WHAM! comes at two rates and in two lengths: the papers' is 16 kHz, cut to the shorter utterance.
    wham = [one for one in (root / "wav16k" / "min", root / "min") if one.is_dir()]
    inside = wham[:1] or [one for one in sorted(root.iterdir()) if one.is_dir()]
    known = [(one, name) for one in inside if (name := layout_of(one)) and name != MANIFEST]
    return known[0] if len(known) == 1 else (root, "")


def _read(root: Path, layout: str) -> Corpus:
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
