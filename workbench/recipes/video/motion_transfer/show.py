"""What a run shows: the fall of every motion, confusions, clips with what they were taken for, a map, and files."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from workbench.core.documents import Column, ConfusionDoc, Item, ItemsDoc, MapAxes, TableDoc
from workbench.core.job import Job
from workbench.core.kinds import Confusion, Embedding, Outcomes, Table
from workbench.engine.video.showing import show_clips

from .data import Data, Part
from .scores import Named, Transfer

SHOWN_OF_EACH = 3
"""Clips of each motion and part that can be played."""
MOST_SHOWN_BYTES = 16 << 20
MAPPED = 1000


def everything(job: Job, data: Data, known: Named, unknown: Named, *, features: NDArray[np.float32]) -> None:
    """All views of a run's end, and the files that it leaves."""
    named(job, data, known, unknown)
    fine(job, data, known, unknown)
    job.phase("drawing the map of clips")
    clip_map(job, data, known, unknown, features)
    files(job, data, known, unknown)


def named(job: Job, data: Data, known: Named, unknown: Named) -> None:
    """What held-out clips are named, now: the falls, both matrices, some clips."""
    falls(job, data, known, unknown)
    confusion(job, "confusion_known", data.known, known, title=f"Known variants (Set {data.known_set})")
    confusion(job, "confusion_unknown", data.unknown, unknown, title=f"Unknown variants (Set {3 - data.known_set})")
    clips(job, data, known, unknown)


def outcomes(job: Job, slot: str, found: Named) -> None:
    """For claims: which clips were named right, each weighing what its motion's number of clips makes it count."""
    counts = (found.right * found.weights).astype(np.float32)[:, None]
    job.artifact(slot, Outcomes, counts, meta={"columns": ["named right, by weight"], "measure": "mean"})


# The fall ----------------------------------------------------------------------------------------


def falls(job: Job, data: Data, known: Named, unknown: Named) -> None:
    """K, U and the fall of every motion, as a table and as a map of U (up) over K (right)."""
    mine, other = known.by_coarse(), unknown.by_coarse()
    rows: list[list[Any]] = []
    for at, name in enumerate(data.taxonomy.coarse):
        if at in mine and at in other:
            rows.append([name, *map(_percent, (mine[at], other[at], mine[at] - other[at]))])
    rows.sort(key=lambda row: -float(row[3]))
    whole = Transfer(known.accuracy, unknown.accuracy)
    rows.append(["all motions", *map(_percent, (whole.known, whole.unknown, whole.drop))])
    columns = [
        Column("motion", "text"), Column("known", unit="%", digits=1, best="high", shade=True),
        Column("unknown", unit="%", digits=1, best="high", shade=True), Column("fall", unit="%", digits=1, best="low"),
    ]  # fmt: skip
    caption = (f"Relative fall {whole.relative_drop:.1%}, harmonic mean {whole.harmonic_mean:.3f}. "
               f"Learned from Set {data.known_set}.")  # fmt: skip
    job.artifact("falls", Table, TableDoc(columns, rows, caption), title="How far each motion falls")
    points = np.array([row[1:3] for row in rows], np.float32)
    items = [Item(f"{name}: {known} % of known variants, {unknown} % of unknown ones", label=str(name))
             for name, known, unknown, _ in rows]  # fmt: skip
    axes = MapAxes("known variants (%)", "unknown variants (%)")
    job.artifact("known_and_unknown", Embedding, points, parts={"items": ItemsDoc(items)},
                 meta={"axes": msgspec.to_builtins(axes)}, title="Known and unknown variants")  # fmt: skip


def _percent(share: float) -> float:
    return round(100 * share, 2)


# Clip by clip ------------------------------------------------------------------------------------


def _items(data: Data, part: Part, found: Named, group: str) -> list[Item]:
    return [
        Item(f"{data.taxonomy.fine[fine].name} ({name})" if name != data.taxonomy.fine[fine].name else name,
             found.labels[true], found.labels[said], round(float(sure), 4), group, at)
        for at, (fine, name, true, said, sure) in enumerate(
            zip(part.fine, part.names, found.truth, found.guess, found.sure, strict=True)
        )
    ]  # fmt: skip


def _groups(data: Data) -> tuple[str, str]:
    return f"known, Set {data.known_set}", f"unknown, Set {3 - data.known_set}"


def confusion(job: Job, slot: str, part: Part, found: Named, *, title: str) -> None:
    """Counts of true against named class of one held-out part."""
    count = len(found.labels)
    counts = np.zeros((count, count), int)
    cells: dict[str, list[int]] = {}
    for at, (true, said) in enumerate(zip(found.truth, found.guess, strict=True)):
        counts[true, said] += 1
        cells.setdefault(f"{true},{said}", []).append(at)
    items = [Item(name, found.labels[true], found.labels[said], round(float(sure), 4), source=at)
             for at, (name, true, said, sure) in enumerate(
                 zip(part.names, found.truth, found.guess, found.sure, strict=True))]  # fmt: skip
    job.artifact(slot, Confusion, ConfusionDoc(list(found.labels), counts.tolist(), cells), title=title,
                 parts={"items": ItemsDoc(items)})  # fmt: skip


def clips(job: Job, data: Data, known: Named, unknown: Named) -> None:
    """A few held-out clips of each motion and part, with what they were taken for."""
    chosen: list[tuple[Part, Item, int]] = []
    each = data.known.frames[0].nbytes * 2 * len(data.taxonomy.coarse)
    count = max(1, min(SHOWN_OF_EACH, MOST_SHOWN_BYTES // max(each, 1)))
    parts = list(zip((data.known, data.unknown), (known, unknown), _groups(data), strict=True))
    items_of = [_items(data, *one) for one in parts]
    for kind in np.unique(np.concatenate([known.coarse, unknown.coarse])):
        for (part, found, _), items in zip(parts, items_of, strict=True):
            places = np.flatnonzero(found.coarse == kind)
            # Spread over the motion's variants: clips stand in the order of their classes.
            spread = places[np.unique(np.linspace(0, len(places) - 1, count).astype(int))] if len(places) else places
            chosen.extend((part, items[at], int(at)) for at in spread)
    frames = np.stack([part.frames[at] for part, _, at in chosen])
    show_clips(job, "clips", frames, [item for _, item, _ in chosen], title="Held-out clips",
               frames_per_s=data.frames_per_s)  # fmt: skip


def fine_rows(data: Data, known: Named, unknown: Named) -> Iterator[list[Any]]:
    """Of every fine class with held-out clips: motion, variant, set, what it was, clips, share right, named most."""
    for found, number, group in ((known, data.known_set, "known"), (unknown, 3 - data.known_set, "unknown")):
        for at in data.taxonomy.of_set(number):
            places = np.flatnonzero(found.fine == at)
            if not len(places):
                continue
            most = int(np.bincount(found.guess[places]).argmax())
            one = data.taxonomy.fine[at]
            yield [data.taxonomy.coarse[one.coarse], one.name, number, group, len(places),
                   round(float(found.right[places].mean()), 4), found.labels[most]]  # fmt: skip


FINE_COLUMNS = ("motion", "variant", "set", "was", "clips", "named right", "named most often")


def fine(job: Job, data: Data, known: Named, unknown: Named) -> None:
    """Every variant of both sets with how often it was named right."""
    kinds: dict[str, Column] = {
        "set": Column("set", digits=0), "clips": Column("clips", digits=0),
        "named right": Column("named right", digits=3, best="high"),
    }  # fmt: skip
    columns = [kinds.get(name, Column(name, "text")) for name in FINE_COLUMNS]
    rows = list(fine_rows(data, known, unknown))
    job.artifact("fine", Table, TableDoc(columns, rows, "Held-out clips only."), title="Variant by variant")


def clip_map(job: Job, data: Data, known: Named, unknown: Named, features: NDArray[np.float32]) -> None:
    """What the coarse head reads of held-out clips in two dimensions (t-SNE after PCA); groups are the sets."""
    first, second = _groups(data)
    items = _items(data, data.known, known, first) + _items(data, data.unknown, unknown, second)
    places = np.random.default_rng(5).permutation(len(features))[:MAPPED]
    chosen = features[places]
    parts = min(24, chosen.shape[1], len(chosen) - 1)
    flat = PCA(parts, random_state=0).fit_transform(chosen - chosen.mean(0))
    perplexity = float(min(30, max(2, len(chosen) // 4)))
    points = TSNE(2, perplexity=perplexity, init="pca", random_state=0, max_iter=400).fit_transform(flat)
    mapped = [items[at] for at in places]
    if known.labels != data.taxonomy.coarse:
        # Where variants are named, the map still tells motions.
        coarse = np.concatenate([known.coarse, unknown.coarse])[places]
        mapped = [Item(one.text, data.taxonomy.coarse[kind], group=one.group, source=one.source)
                  for one, kind in zip(mapped, coarse, strict=True)]  # fmt: skip
    job.artifact("map", Embedding, points.astype(np.float32), title="Held-out clips by what the model reads of them",
                 parts={"items": ItemsDoc(mapped)})  # fmt: skip


# Files -------------------------------------------------------------------------------------------


def files(job: Job, data: Data, known: Named, unknown: Named) -> None:
    """`export/fine_classes.csv` and `export/summary.json` in the run's folder."""
    folder = job.folder / "export"
    folder.mkdir(exist_ok=True)
    with (folder / "fine_classes.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(FINE_COLUMNS)
        table.writerows(fine_rows(data, known, unknown))
    found = Transfer(known.accuracy, unknown.accuracy)
    told = {
        "known_set": data.known_set, "known_accuracy": found.known, "unknown_accuracy": found.unknown,
        "drop": found.drop, "relative_drop": found.relative_drop, "harmonic_mean": found.harmonic_mean,
        "by_motion": {
            data.taxonomy.coarse[at]: {"known": share, "unknown": unknown.by_coarse().get(at)}
            for at, share in known.by_coarse().items()
        },
    }  # fmt: skip
    (folder / "summary.json").write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
