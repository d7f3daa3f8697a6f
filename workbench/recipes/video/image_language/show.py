"""What a run shows: cosines of pictures and captions, what captions find, a map of both, mistakes, and a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from workbench.core.documents import Column, ConfusionDoc, Item, ItemsDoc, TableDoc
from workbench.core.job import Job
from workbench.core.kinds import Confusion, Embedding, Image, Outcomes, Table
from workbench.engine.video.imagelanguage import ImageLanguage as Network
from workbench.engine.video.sprites import COLOURS, SHAPES

from . import measures
from .data import Data, Pairs
from .measures import Floats, Ints

CELL, GAP, WORDS = 60, 4, 400
SHOWN, FOUND, MAPPED = 6, 6, 500
"""No more pictures side by side than leave letters that can be read in a small window."""
LONGEST = 42
INK, RIGHT, WRONG = (225, 225, 225), (0, 158, 115), (213, 94, 0)
# Anchors of a scale whose lightness rises evenly (viridis), from the lowest value to the highest.
_SCALE = np.array([(68, 1, 84), (72, 40, 120), (62, 74, 137), (49, 104, 142), (38, 130, 142), (31, 158, 137),
                   (53, 183, 121), (110, 206, 88), (181, 222, 43), (253, 231, 37)], np.float64)  # fmt: skip


def _distinct(pairs: Pairs, most: int) -> list[int]:
    """The first pictures whose captions differ, at most as many."""
    found: dict[str, int] = {}
    for at, captions in enumerate(pairs.captions):
        found.setdefault(captions[0], at)
        if len(found) == most:
            break
    return list(found.values())


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1].rstrip() + "…"


def _cell(image: NDArray[np.uint8], mark: tuple[int, int, int] | None = None) -> Picture.Image:
    cell = Picture.fromarray(image).resize((CELL, CELL), Picture.Resampling.NEAREST)
    if mark is not None:
        ImageDraw.Draw(cell).rectangle((0, 0, CELL - 1, CELL - 1), outline=mark, width=4)
    return cell


class _Sheet:
    """Rows of cells with words to their left."""

    def __init__(self, rows: int, columns: int) -> None:
        self.image = Picture.new("RGB", (WORDS + columns * (CELL + GAP), rows * (CELL + GAP) - GAP))
        self.pen = ImageDraw.Draw(self.image)
        self.font, self.small = ImageFont.load_default(21), ImageFont.load_default(20)

    def words(self, row: int, text: str) -> None:
        """Words before a row, their end beside the first cell."""
        y = row * (CELL + GAP) + CELL // 2
        self.pen.text((WORDS - 10, y), _short(text), fill=INK, font=self.font, anchor="rm")

    def put(self, row: int, column: int, cell: Picture.Image) -> None:
        """A cell."""
        self.image.paste(cell, (WORDS + column * (CELL + GAP), row * (CELL + GAP)))

    def number(self, row: int, column: int, value: float) -> None:
        """A cosine as a coloured cell with its number."""
        rgb = tuple(int(np.interp((value + 0.2) / 1.2 * (len(_SCALE) - 1), range(len(_SCALE)), _SCALE[:, part]))
                    for part in range(3))  # fmt: skip
        left, top = WORDS + column * (CELL + GAP), row * (CELL + GAP)
        self.pen.rectangle((left, top, left + CELL - 1, top + CELL - 1), fill=rgb)
        ink = (0, 0, 0) if sum(rgb) > 330 else (255, 255, 255)
        self.pen.text((left + CELL // 2, top + CELL // 2), f"{value:.2f}", fill=ink, font=self.small, anchor="mm")


def similarity(job: Job, pairs: Pairs, pictures: Floats, network: Network) -> None:
    """Cosines between some pictures (columns) and their captions (rows): the diagonal should be the brightest."""
    chosen = _distinct(pairs, SHOWN)
    captions = [pairs.captions[at][0] for at in chosen]
    cosines = measures.read(network, captions) @ pictures[chosen].T
    sheet = _Sheet(len(chosen) + 1, len(chosen))
    sheet.words(0, "cosine of caption and picture")
    for column, at in enumerate(chosen):
        sheet.put(0, column, _cell(pairs.images[at]))
    for row, caption in enumerate(captions):
        sheet.words(row + 1, caption)
        for column in range(len(chosen)):
            sheet.number(row + 1, column, float(cosines[row, column]))
    job.artifact("similarity", Image, sheet.image.save, title="Cosines of pictures and captions")


def found(
    job: Job, pairs: Pairs, pictures: Floats, texts: Floats, *, captions: Sequence[str], belongs: NDArray[np.bool_]
) -> None:
    """The test pictures nearest to some captions; a frame tells the right (green) from the wrong.

    Only as many are framed as there are with the caption: those after them cannot be right.
    """
    places = {one: at for at, one in enumerate(captions)}
    asked = [places[pairs.captions[at][0]] for at in _distinct(pairs, SHOWN)]
    sheet = _Sheet(len(asked), FOUND)
    for row, text in enumerate(asked):
        sheet.words(row, captions[text])
        there = int(belongs[:, text].sum())
        for column, at in enumerate(np.argsort(-(pictures @ texts[text]), kind="stable")[:FOUND]):
            mark = RIGHT if belongs[at, text] else WRONG
            sheet.put(row, column, _cell(pairs.images[at], mark if column < there else None))
    job.artifact(
        "found", Image, sheet.image.save, title="Test pictures nearest to a caption; as many are framed as have it"
    )


def joint_map(
    job: Job, pairs: Pairs, pictures: Floats, texts: Floats, *, captions: Sequence[str], classes: tuple[str, ...],
    named: Ints | None,
) -> None:  # fmt: skip
    """Pictures and captions in two dimensions (t-SNE after PCA), each kind about its own mean."""
    chance = np.random.default_rng(5)
    shown, said = (chance.permutation(count)[:MAPPED] for count in (len(pictures), len(texts)))
    both = np.concatenate([pictures[shown] - pictures.mean(0), texts[said] - texts.mean(0)])
    flat = PCA(min(24, both.shape[1], len(both) - 1), random_state=0).fit_transform(both)
    perplexity = float(min(30, max(2, len(both) // 4)))
    points = TSNE(2, perplexity=perplexity, init="pca", random_state=0, max_iter=400).fit_transform(flat)
    items = [_item(pairs, int(at), classes, named) for at in shown]
    items += [Item(captions[at], _kind_of(captions[at], classes), group="caption") for at in said]
    job.artifact("map", Embedding, points.astype(np.float32), title="Test pictures and captions in their shared space",
                 parts={"items": ItemsDoc(items)})  # fmt: skip


def _kind_of(caption: str, classes: tuple[str, ...]) -> str:
    """The shape that a caption of generated pictures names; empty for others."""
    return next((shape for shape in SHAPES if f" {shape}" in caption), "") if classes else ""


def _item(pairs: Pairs, at: int, classes: tuple[str, ...], named: Ints | None) -> Item:
    caption = pairs.captions[at][0]
    if pairs.classes is None or named is None:
        return Item(caption, group="picture", source=at)
    colours = len(COLOURS)
    label, guess = SHAPES[pairs.classes[at] // colours], SHAPES[named[at] // colours]
    return Item(caption, label, guess, group="picture", source=at)


def confusion(job: Job, pairs: Pairs, named: Ints, classes: tuple[str, ...]) -> None:
    """Counts of true against named shape: colours are hardly ever confused."""
    if pairs.classes is None:
        return
    colours = len(COLOURS)
    counts = np.zeros((len(SHAPES), len(SHAPES)), int)
    cells: dict[str, list[int]] = {}
    for at, (true, guess) in enumerate(zip(pairs.classes // colours, named // colours, strict=True)):
        counts[true, guess] += 1
        cells.setdefault(f"{true},{guess}", []).append(at)
    items = [_item(pairs, at, classes, named) for at in range(len(pairs))]
    job.artifact("confusion", Confusion, ConfusionDoc(list(SHAPES), counts.tolist(), cells),
                 title="Shapes named without a labelled picture", parts={"items": ItemsDoc(items)})  # fmt: skip


_ROWS = {
    "zero_shot": "shape × colour, zero-shot", "zero_shot_shape": "shape, zero-shot",
    "zero_shot_colour": "colour, zero-shot", "zero_shot_frames": "shape × colour on frames of clips, zero-shot",
    "probe_accuracy": "shape × colour, linear probe", "picture_to_caption_r1": "picture → caption, R@1",
    "picture_to_caption_r5": "picture → caption, R@5", "caption_to_picture_r1": "caption → picture, R@1",
    "caption_to_picture_r5": "caption → picture, R@5",
}  # fmt: skip


def scores(job: Job, numbers: dict[str, float], data: Data, captions: int) -> None:
    """Every number beside what chance gives, where that is simple to say."""
    count = len(data.classes)
    chance = {"zero_shot": count, "zero_shot_frames": count, "probe_accuracy": count, "zero_shot_shape": len(SHAPES),
              "zero_shot_colour": len(COLOURS)}  # fmt: skip
    rows = [[title, round(numbers[name], 4), round(1 / chance[name], 4) if name in chance else None]
            for name, title in _ROWS.items() if name in numbers]  # fmt: skip
    told = f"{len(data.test)} test pictures with {captions} captions; any picture with the caption counts as found."
    columns = [Column("asked", "text"), Column("right", best="high"), Column("chance")]
    job.artifact("scores", Table, TableDoc(columns, rows, told), title="What was learned")


def outcomes(job: Job, slot: str, right: NDArray[np.bool_]) -> None:
    """For claims: whether each test picture was named right."""
    job.artifact(slot, Outcomes, right.astype(np.float32)[:, None],
                 meta={"columns": ["named right"], "measure": "mean"})  # fmt: skip
