"""What a run shows: crops, a map of tiles, who is alike, the protocols' table, mistakes, and slides with attention."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from workbench.core.documents import Column, ConfusionDoc, Item, ItemsDoc, TableDoc
from workbench.core.job import Job
from workbench.core.kinds import Confusion, Embedding, ImageGrid, Outcomes, Slide, Table
from workbench.engine.medical.phantoms.histology import MPP

from .data import Bag, Data, Tiles
from .pretrain import Distillation
from .protocols import Episodes, SimpleShot

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Ints = NDArray[np.int64]

GAP, CELL = 3, 96
MAPPED = 1500
MARK_RIGHT, MARK_WRONG = (0, 158, 115), (213, 94, 0)


def _cell(picture: Pixels, mark: tuple[int, int, int] | None = None) -> Pixels:
    """A picture at the size of a grid's cell, with a frame where a mark is given."""
    cell = np.asarray(Image.fromarray(picture).resize((CELL, CELL), Image.Resampling.NEAREST)).copy()
    if mark is not None:
        cell[:4], cell[-4:], cell[:, :4], cell[:, -4:] = mark, mark, mark, mark
    return cell


def _sheet(rows: Sequence[Sequence[Pixels]]) -> Image.Image:
    wide = max(len(row) for row in rows)
    sheet = np.zeros((len(rows) * (CELL + GAP) - GAP, wide * (CELL + GAP) - GAP, 3), np.uint8)
    for y, row in enumerate(rows):
        for x, cell in enumerate(row):
            top, left = y * (CELL + GAP), x * (CELL + GAP)
            sheet[top : top + CELL, left : left + CELL] = cell
    return Image.fromarray(sheet)


def crops(job: Job, objective: Distillation) -> None:
    """Four tiles (first column), their two large crops and their small ones."""
    tiles = list(range(min(4, objective.examples)))
    batch = objective.collate(tiles)
    views = [batch["large"], *([batch["small"]] if "small" in batch else [])]
    rows = []
    for at in range(len(tiles)):
        row = [_cell(objective.tiles[tiles[at]].numpy())]
        for one in views:
            row += [_cell((view.permute(1, 2, 0) * 255).to(torch.uint8).numpy()) for view in one[at]]
        rows.append(row)
    job.artifact("crops", ImageGrid, _sheet(rows).save, title="Tiles, and the crops that student and teacher see")


def retrieval(job: Job, data: Data, pool: Floats, query: Floats) -> None:
    """A test tile of each class above its six nearest labelled tiles; a frame tells right (green) from wrong."""
    shot = SimpleShot.learn(pool, data.labelled.labels, len(data.classes))
    close = shot.units(query) @ shot.units(pool).T
    rows = []
    for kind in range(len(data.classes)):
        places = np.flatnonzero(data.test.labels == kind)
        if not len(places):
            continue
        at = int(places[0])
        near = np.argsort(-close[at], kind="stable")[:6]
        marks = [MARK_RIGHT if data.labelled.labels[one] == kind else MARK_WRONG for one in near]
        rows.append(
            [
                _cell(data.test.pictures[at]),
                *(_cell(data.labelled.pictures[one], mark) for one, mark in zip(near, marks, strict=True)),
            ]
        )
    names = ", ".join(data.classes)
    columns = [list(column) for column in zip(*rows, strict=True)]
    title = f"Test tiles (first row: {names}) above their nearest labelled tiles"
    job.artifact("retrieval", ImageGrid, _sheet(columns).save, title=title)


def tile_map(job: Job, data: Data, features: Floats, guess: Ints) -> None:
    """The test tiles' features in two dimensions (t-SNE after PCA), coloured by class, prediction or slide."""
    places = np.random.default_rng(5).permutation(len(features))[:MAPPED]
    chosen = features[places]
    parts = min(24, chosen.shape[1], len(chosen) - 1)
    flat = PCA(parts, random_state=0).fit_transform(chosen - chosen.mean(0))
    perplexity = float(min(30, max(2, len(chosen) // 4)))
    points = TSNE(2, perplexity=perplexity, init="pca", random_state=0, max_iter=400).fit_transform(flat)
    items = [_item(data.test, data.classes, int(at), int(guess[at])) for at in places]
    job.artifact("map", Embedding, points.astype(np.float32), title="Test tiles by their features",
                 parts={"items": ItemsDoc(items)})  # fmt: skip


def _item(tiles: Tiles, classes: Sequence[str], at: int, guess: int) -> Item:
    slide = tiles.slides[at] if tiles.slides else ""
    return Item(f"tile {at} of {slide}" if slide else f"tile {at}", classes[tiles.labels[at]], classes[guess],
                group=slide, source=at)  # fmt: skip


def confusion(job: Job, data: Data, guess: Ints, *, shots: int) -> None:
    """Counts of true against named class on the test tiles, from one draw of labelled tiles."""
    count = len(data.classes)
    counts = np.zeros((count, count), int)
    cells: dict[str, list[int]] = {}
    for at, (true, named) in enumerate(zip(data.test.labels, guess, strict=True)):
        counts[true, named] += 1
        cells.setdefault(f"{true},{named}", []).append(at)
    items = [_item(data.test, data.classes, at, int(one)) for at, one in enumerate(guess)]
    title = f"SimpleShot, {shots} labelled tiles a class, first draw"
    job.artifact("confusion", Confusion, ConfusionDoc(list(data.classes), counts.tolist(), cells), title=title,
                 parts={"items": ItemsDoc(items)})  # fmt: skip


def protocols(job: Job, found: dict[tuple[str, int], Episodes], whole: dict[str, dict[str, float]]) -> None:
    """Balanced accuracy by protocol and number of labelled tiles, and with all of them."""
    shots = sorted({one for _, one in found})
    columns = [Column("protocol", "text")]
    columns += [Column(f"{one} shots", best="high") for one in shots]
    columns += [Column("± over draws, " + f"{one} shots", best="low") for one in shots]
    columns += [Column("all labels", best="high"), Column("weighted F1", best="high"), Column("AUROC", best="high")]
    rows: list[list[Any]] = []
    for name in dict.fromkeys(one for one, _ in found):
        each = [found[name, one].balanced for one in shots]
        rest = [whole[name][key] for key in ("balanced", "weighted_f1", "auroc")]
        numbers = [*(float(one.mean()) for one in each), *(float(one.std()) for one in each), *rest]
        rows.append([name, *(round(one, 4) for one in numbers)])
    counts = ", ".join(f"{len(found[name, shots[0]].balanced)} for {name}" for name, one in found if one == shots[0])
    caption = f"Balanced accuracy on test tiles, mean over draws of labelled tiles ({counts}). AUROC: one against one."
    job.artifact("protocols", Table, TableDoc(columns, rows, caption), title="Tiles named from few labels")


def outcomes(job: Job, found: Episodes) -> None:
    """For claims: how often each test tile was named right."""
    job.artifact("outcomes", Outcomes, found.right.astype(np.float32)[:, None],
                 meta={"columns": ["named right"], "measure": "mean"})  # fmt: skip


# Slides --------------------------------------------------------------------------------------


def slide_table(job: Job, rows: Sequence[Sequence[Any]], classes: Sequence[str]) -> None:
    """Every test slide: what it is, what pooling says, where its attention lies."""
    columns = [
        Column("slide", "text"), Column("is", "text"), Column("pooling says", "text"),
        Column(f"probability of {classes[-1]}", digits=3), Column("MI-SimpleShot", digits=3), Column("tiles", digits=0),
        Column("tumour tiles", digits=0), Column("attention AUROC", digits=3, best="high"),
    ]  # fmt: skip
    caption = "Attention AUROC: how well attention ranks tiles with more than half tumour, where a mask tells."
    job.artifact("slides", Table, TableDoc(columns, [list(one) for one in rows], caption), title="Test slides")


def slide(job: Job, bag: Bag, tile: int, scores: dict[str, Floats], *, title: str) -> None:
    """A generated slide as a pyramid, with its tiles' scores."""
    from workbench.engine.medical.slides.writing import write_pyramid

    if bag.slide is None:
        raise RuntimeError("Only generated slides are written.")
    rgb = bag.slide.rgb

    def write(path: Path) -> None:
        write_pyramid(path, rgb, mpp=MPP)

    job.artifact("slide", Slide, write, title=title, meta=slide_facts(bag.places, tile, scores, title=title))


def slide_facts(places: Ints, tile: int, scores: dict[str, Floats], *, title: str) -> dict[str, Any]:
    """A SlideMeta as plain values."""
    return {
        "mpp": MPP, "tiles": [[int(x), int(y)] for x, y in places], "tile_px": float(tile), "title": title,
        "scores": {name: [round(float(np.clip(one, 0, 1)), 4) for one in values] for name, values in scores.items()},
    }  # fmt: skip
