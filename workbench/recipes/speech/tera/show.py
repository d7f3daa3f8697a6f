"""What a run shows: the restored spectrogram, tables of probes, mistakes, speakers, and phones over a sound."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from torch import Tensor

from workbench.core.audio import Segment, SoundMeta, Tier, TiersDoc, to_meta
from workbench.core.documents import Column, ConfusionDoc, Item, ItemsDoc, TableDoc
from workbench.core.job import Job
from workbench.core.kinds import Attention, Audio, Confusion, Embedding, ImageGrid, Outcomes, Table, Tiers
from workbench.engine.speech.bank.rendering import RATE_HZ
from workbench.engine.speech.features import griffin_lim, mel_to_linear

from .asking import Asked, Labels, Layers
from .data import SILENCE, WINDOW_S, Utterance
from .recipe import Tera

Floats = NDArray[np.float32]

ACROSS, UP, GAP, TITLE = 5, 7, 8, 30
"""Pixels of a frame and of a mel bin in the spectrograms; between them, and for their titles."""
FFT_SIZE = 512
PHASES = 30
MAPPED = 1000
OUTLINE = (255, 255, 255)
# Anchors of a scale whose lightness rises evenly (viridis), from the lowest value to the highest.
_SCALE = np.array([(68, 1, 84), (72, 40, 120), (62, 74, 137), (49, 104, 142), (38, 130, 142), (31, 158, 137),
                   (53, 183, 121), (110, 206, 88), (181, 222, 43), (253, 231, 37)], np.float64)  # fmt: skip


def _coloured(values: Floats, low: float, high: float) -> NDArray[np.uint8]:
    """Frames (T, F) as pixels (F · UP, T · ACROSS, 3), low frequencies at the bottom."""
    at = np.clip((values - low) / max(high - low, 1e-6), 0, 1).T[::-1] * (len(_SCALE) - 1)
    colours = np.stack([np.interp(at, np.arange(len(_SCALE)), _SCALE[:, part]) for part in range(3)], -1)
    return np.repeat(np.repeat(colours.astype(np.uint8), UP, 0), ACROSS, 1)


def _outlined(picture: NDArray[np.uint8], marked: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The picture with a line around the marked cells (T, F)."""
    mask = np.repeat(np.repeat(marked.T[::-1], UP, 0), ACROSS, 1)
    inner = np.pad(mask, 1, mode="edge")
    inner = inner[:-2, 1:-1] & inner[2:, 1:-1] & inner[1:-1, :-2] & inner[1:-1, 2:] & mask
    found = picture.copy()
    found[mask & ~inner] = OUTLINE
    return found


def spectrograms(clean: Floats, altered: Floats, restored: Floats, marked: NDArray[np.bool_]) -> Image.Image:
    """Four spectrograms, two beside two: clean, altered with the cells that count outlined, restored, error."""
    low, high = (float(one) for one in np.percentile(clean, (2, 99)))
    error = np.abs(restored - clean)
    rows = [
        ("clean", _coloured(clean, low, high)),
        ("altered; cells that count are outlined", _outlined(_coloured(altered, low, high), marked)),
        ("restored", _coloured(restored, low, high)),
        (f"absolute error, 0 to {max(float(error.max()), 1e-6):.1f}", _coloured(error, 0, float(error.max()))),
    ]
    tall, wide = rows[0][1].shape[:2]
    sheet = Image.new("RGB", (2 * wide + GAP, 2 * (tall + TITLE) + GAP))
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(22)
    for at, (title, picture) in enumerate(rows):
        left, top = (at % 2) * (wide + GAP), (at // 2) * (tall + TITLE + GAP)
        pen.text((left + 2, top + 1), title, fill=(225, 225, 225), font=font)
        sheet.paste(Image.fromarray(picture), (left, top + TITLE))
    return sheet


def restoration(job: Job, batch: dict[str, Tensor], restored: Tensor) -> None:
    """The first utterance of an altered batch."""
    frames = int(batch["lengths"][0])
    clean, altered, marked = (batch[name][0, :frames].numpy() for name in ("clean", "altered", "marked"))
    picture = spectrograms(clean, altered, restored[0, :frames].float().cpu().numpy(), marked > 0)
    job.artifact("restoration", ImageGrid, picture.save, title="A held-out stretch of speech, altered and restored")


def restored_sound(job: Job, one: Utterance, restored: Tensor, params: Tera) -> None:
    """What was restored, as sound: the network hears no phases, so Griffin and Lim's method finds some."""
    frames = restored.float().cpu()[None] * torch.from_numpy(one.deviation) + torch.from_numpy(one.mean)
    magnitudes = mel_to_linear(frames, RATE_HZ, FFT_SIZE)
    wave = griffin_lim(
        magnitudes, RATE_HZ, window_s=WINDOW_S, hop_s=params.hop_ms / 1000, iterations=PHASES,
        generator=torch.Generator().manual_seed(0),
    )[0].numpy()  # fmt: skip
    seconds = len(wave) / RATE_HZ
    said = [Segment(each.start_s, min(each.end_s, seconds), each.text) for each in one.segments
            if each.start_s < seconds]  # fmt: skip
    sound(job, "restored", wave, title="Restored, with phases by Griffin-Lim",
          tiers=TiersDoc([Tier("phones", "phones", said)], seconds, one.text))  # fmt: skip


def sound(job: Job, slot: str, wave: Floats, *, title: str, tiers: TiersDoc | None = None) -> Path:
    """Samples (n,) as an Audio artifact, below full scale."""
    wave = wave * np.float32(0.9 / max(float(np.abs(wave).max()), 0.9))
    meta = to_meta(SoundMeta(RATE_HZ, 1, len(wave), title))
    return job.artifact(slot, Audio, lambda path: _write(path, wave), title=title, meta=meta,
                        parts={"tiers": tiers} if tiers else None)  # fmt: skip


def _write(path: Path, wave: Floats) -> None:
    import soundfile

    soundfile.write(path, wave, RATE_HZ, subtype="PCM_16")


def attention(job: Job, weights: Tensor, one: Utterance) -> None:
    """Which frames (columns) each frame (row) looks at in the last layer, one plane for each head."""
    count = weights.shape[-1]
    names = [f"{at} {one.phones[at]}" if one.phones else str(at) for at in range(count)]
    job.artifact("attention", Attention, weights.float().cpu().numpy().astype(np.float32),
                 title=f"Which frames are looked at, last layer: {one.text}", parts={"tokens": names})  # fmt: skip


# Numbers ------------------------------------------------------------------------------------

_COLUMNS = {
    "phone_accuracy": "phones", "phone_accuracy_hidden": "phones, 2 layers",
    "phone_accuracy_without_silence": "no silence", "phone_accuracy_noisy": "10 dB noise",
    "speaker_frame_accuracy": "speaker/frame", "speaker_accuracy": "speaker", "keyword_accuracy": "keyword",
}  # fmt: skip


def probe_table(job: Job, found: Sequence[Asked], *, tuned: float | None, chance: dict[str, float]) -> None:
    """Test accuracy of every probe on every representation, and what naming the most frequent class would give."""
    there = [name for name in _COLUMNS if any(name in one.numbers for one in found)]
    columns = [Column("features", "text"), *(Column(_COLUMNS[name], best="high") for name in there)]
    rows: list[list[Any]] = [[one.name, *(_rounded(one.numbers.get(name)) for name in there)] for one in found]
    if tuned is not None:
        rows.append([f"{found[0].name}, fine-tuned", *(_rounded(tuned if name == "phone_accuracy" else None)
                                                       for name in there)])  # fmt: skip
    rows.append(["most frequent class", *(_rounded(chance.get(name)) for name in there)])
    rates = ", ".join(f"{_COLUMNS[name]} {found[0].rates[name]:g}" for name in there if name in found[0].rates)
    caption = (
        "Share of test frames (phones, speaker by frame) or utterances (speaker, keyword) named right by a linear "
    )
    caption += "probe, for phones also by one with a hidden layer. One recipe for all; "
    caption += f"development utterances chose the rates, for {found[0].name}: {rates}. "
    caption += "Log-mel frames have a mean of zero over an utterance, so pooled they know nothing."
    job.artifact("probes", Table, TableDoc(columns, rows, caption), title="What each representation knows")


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def layer_table(job: Job, found: Layers | None, last: float) -> None:
    """Phone accuracy by layer, and the weights of the learned mixture."""
    columns = [Column("layer", "text"), Column("phones, linear", best="high"), Column("weight in the mixture")]
    rows: list[list[Any]] = []
    if found is None:
        rows.append(["features as they are", _rounded(last), None])
    else:
        for at, (accuracy, weight) in enumerate(zip(found.accuracies, found.weights, strict=True)):
            rows.append([str(at) if at else "0 (input)", _rounded(accuracy), _rounded(weight)])
        rows.append(["mixture of all", _rounded(found.mixture), 1.0])
    caption = "Linear probe on test frames. The mixture's weights are learned with the probe."
    job.artifact("layers", Table, TableDoc(columns, rows, caption), title="What each layer knows about phones")


def confusion(job: Job, found: Asked, utterances: Sequence[Utterance], labels: Labels) -> None:
    """Counts of true against named phone over test frames; a cell lists the utterances that it comes from."""
    if found.named is None:
        return
    names = [*labels.names, "unheard"]
    count = len(names)
    truth = labels.classes(utterances) % count  # −1, which training has not heard, is the last
    counts = np.zeros((count, count), int)
    np.add.at(counts, (truth, found.named), 1)
    cells: dict[str, list[int]] = {}
    begins = np.cumsum([0, *(len(one.frames) for one in utterances)])
    for at, (start, end) in enumerate(itertools.pairwise(begins)):
        for true, named in np.unique(np.stack([truth[start:end], found.named[start:end]], 1), axis=0):
            cells.setdefault(f"{true},{named}", []).append(at)
    keep = np.flatnonzero(counts.sum(0) + counts.sum(1))
    places = {int(one): at for at, one in enumerate(keep)}
    moved = {",".join(str(places[int(part)]) for part in key.split(",")): value for key, value in cells.items()}
    items = [Item(one.text or one.name, group=one.speaker, source=at) for at, one in enumerate(utterances)]
    doc = ConfusionDoc([names[at] for at in keep], counts[np.ix_(keep, keep)].tolist(), moved)
    job.artifact("confusion", Confusion, doc, title="True (row) against named phone, test frames",
                 parts={"items": ItemsDoc(items)})  # fmt: skip


def speaker_map(job: Job, features: Sequence[Floats], utterances: Sequence[Utterance]) -> None:
    """Test utterances by the means of their frames, in two dimensions (t-SNE after PCA)."""
    means = np.stack([one.mean(0) for one in features])[:MAPPED]
    flat = PCA(min(24, *means.shape, max(1, len(means) - 1)), random_state=0).fit_transform(means)
    perplexity = float(min(20, max(1, (len(means) - 1) // 3)))
    points = TSNE(2, perplexity=perplexity, init="random", random_state=0, max_iter=400).fit_transform(flat)
    items = [Item(one.text or one.name, one.speaker, group=one.speaker, source=at)
             for at, one in enumerate(utterances[: len(means)])]  # fmt: skip
    job.artifact("speakers", Embedding, points.astype(np.float32), title="Test utterances by speaker",
                 parts={"items": ItemsDoc(items)})  # fmt: skip


def outcomes(job: Job, found: dict[str, Floats]) -> None:
    """For claims: right answers and answers of each test utterance."""
    for slot, counts in found.items():
        job.artifact(slot, Outcomes, counts, meta={"columns": ["right", "of"], "measure": "ratio"})


# Phones over a sound --------------------------------------------------------------------------


def runs(names: Sequence[str], scores: Sequence[float], hop_s: float) -> list[Segment]:
    """Frames' phones as segments; frame k reaches half a hop to either side of k · hop. Silence is left out."""
    found, start = [], 0
    for at in range(1, len(names) + 1):
        if at == len(names) or names[at] != names[start]:
            if names[start] != SILENCE:
                confidence = float(np.mean(scores[start:at]))
                found.append(Segment(max(0.0, (start - 0.5) * hop_s), (at - 0.5) * hop_s, names[start],
                                     confidence=round(confidence, 4)))  # fmt: skip
            start = at
    return found


def heard(job: Job, one: Utterance, names: Sequence[str], scores: Sequence[float], hop_s: float) -> None:
    """A test utterance with the phones that were said and those that the linear probe hears."""
    if one.wave is None:
        return
    seconds = len(one.wave) / RATE_HZ
    title = f"{one.text or one.name}, {one.speaker}"
    meta = to_meta(SoundMeta(RATE_HZ, 1, len(one.wave), title))
    wave = one.wave * np.float32(0.9 / max(float(np.abs(one.wave).max()), 0.9))
    true = [each for each in one.segments if each.text != SILENCE]
    doc = TiersDoc([Tier("said", "phones", true), Tier("heard", "phones", runs(names, scores, hop_s))],
                   seconds, title)  # fmt: skip
    path = job.folder / "artifacts" / "heard-test-utterance.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, wave)
    job.artifact("heard", Tiers, doc, title=f"A test utterance: {title}", meta=meta, parts={"audio": path})
