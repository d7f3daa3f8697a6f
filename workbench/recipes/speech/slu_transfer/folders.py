"""Own speech: commands laid out as Fluent Speech Commands, and any corpus with transcripts to recognise."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.problem import InputError
from workbench.engine.speech import corpora
from workbench.engine.speech.listening import normal_log_mel, read_wave

from .data import CHECKED, HOP_S, Utterance, spelled
from .recipe import SluTransfer

LAYOUT = "fluent-speech-commands"
SEED = 1337
SHOWN = 8


def _read(job: Job, chosen: Sequence[corpora.Recording], params: SluTransfer, *, keep: bool = False) -> list[Utterance]:
    found = []
    for at, one in enumerate(chosen):
        wave = read_wave(Path(one.path), one.start_s, one.end_s)
        intent = (
            tuple(one.labels[slot] for slot in ("action", "object", "location")) if "action" in one.labels else None
        )
        found.append(
            Utterance(
                Path(one.path).stem, normal_log_mel(wave, bins=params.mel_bins, hop_s=HOP_S), spelled(one.text),
                intent if intent is None else (intent[0], intent[1], intent[2]), one.speaker, one.text,
                wave if keep else None,
            )
        )  # fmt: skip
        job.progress(at + 1, len(chosen))
    return found


def commands_of(job: Job, address: str, params: SluTransfer) -> dict[str, Any]:
    """Train, development and test commands as their authors divided them; raises InputError where a part is empty.

    Of the training `label_fraction` percent are learned from, drawn the same way for every run.
    """
    corpus = corpora.read_corpus(Path(address), LAYOUT)
    if corpus.missing:
        job.log(corpus.gaps, "warning")
    parts: dict[str, list[corpora.Recording]] = {"train": [], "valid": [], "test": []}
    for one in corpus.recordings:
        parts[one.split].append(one)
    if not all(parts.values()):
        raise InputError(
            "A part of the commands is empty.", expected="train, valid and test commands",
            received=", ".join(f"{len(part)} {name}" for name, part in parts.items()),
            fix="Copy all three tables and their sounds.", field="commands", place=Path(address).name,
        )  # fmt: skip
    random.Random(SEED).shuffle(parts["train"])
    count = max(round(len(parts["train"]) * params.label_fraction / 100), 1)
    job.phase("reading commands")
    return {
        "train": _read(job, parts["train"][:count], params), "development": _read(job, parts["valid"], params),
        "test": _read(job, parts["test"], params, keep=True), "known": [], "published": True,
    }  # fmt: skip


def sentences_of(job: Job, address: str, params: SluTransfer) -> dict[str, Any]:
    """Utterances with transcripts, some of them kept aside; raises InputError where there are too few."""
    corpus = corpora.read_corpus(Path(address))
    if corpus.missing:
        job.log(corpus.gaps, "warning")
    found = [one for one in corpus.recordings if one.text]
    random.Random(SEED).shuffle(found)
    found = found[: params.recognition or len(found)]
    held = min(CHECKED, len(found) // 8)
    if held < 1:
        raise InputError(
            "There are too few utterances with transcripts.", expected="at least eight",
            received=f"{len(found)} of {len(corpus.recordings)} in a {corpus.layout} folder",
            fix="Choose a larger part of the corpus, with its transcripts.", field="recognition",
            place=Path(address).name,
        )  # fmt: skip
    job.phase("reading speech")
    made = _read(job, found, params)
    return {"recognition": made[held:], "checked": made[:held]}


def preview_folder(slot: str, address: str) -> DataPreview:
    """What a folder holds: its first utterances, and how often each intent comes."""
    corpus = corpora.read_corpus(Path(address), LAYOUT if slot == "commands" else "")
    names = ("action", "object", "location") if slot == "commands" else ()
    rows = [[one.text[:60], *(one.labels.get(name, "") for name in names), one.speaker, one.split]
            for one in corpus.recordings[:SHOWN]]  # fmt: skip
    counts: dict[str, int] = {}
    for one in corpus.recordings:
        if names:
            intent = ", ".join(one.labels[name] for name in names)
            counts[intent] = counts.get(intent, 0) + 1
    speakers = len({one.speaker for one in corpus.recordings})
    detail = "; ".join(filter(None, (f"{speakers} speakers", corpus.gaps)))
    return DataPreview(corpus.layout, detail, ["sentence", *names, "speaker", "part"], rows, len(corpus.recordings),
                       labels=counts)  # fmt: skip
