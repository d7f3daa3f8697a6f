"""A trained model at work: a tile's class with its nearest labelled tiles, or a slide's map of attention."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.documents import Answer, AnswersDoc
from workbench.core.problem import InputError
from workbench.core.slides import HeatMap
from workbench.engine.warm import warm

from .recipe import HISTOLOGY

NOTE = "Research use only, not a medical device."
NEIGHBOURS = 5
ASKED_SEED = 99
"""The generated tile that is asked about is of no run's parts."""
TILE_ENDINGS = (".png", ".jpg", ".jpeg")
MOST_TILE_PX = 2048
"""A TIFF up to this size without a pyramid is a tile; anything else is a slide."""


class Mapped(AnswersDoc):
    """Answers about a slide, with its tiles' scores; `heat` is None for a tile."""

    heat: HeatMap | None = None


@dataclasses.dataclass
class Reader:
    """An encoder with its labelled tiles, and its pooling where it learned one."""

    describe: Any
    shot: Any
    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    pooling: Any
    card: dict[str, Any]


def answer(job: Any, folder: Path, inputs: dict[str, Any]) -> Mapped:
    """Name inputs['tile'] (a picture), or map inputs['slide'] (a whole slide; 'mpp' for one that does not tell).

    The sample's address in any slot asks about a generated tile. Raises InputError for what is neither, and for a
    slide where the model has learned no pooling.
    """
    began = time.perf_counter()
    reader = warm(job, "uni-pathology", folder, lambda card: _load(folder, card, job))
    asked = str(next((inputs[name] for name in ("slide", "tile", "test_tiles", "tiles") if inputs.get(name)), ""))
    if asked == HISTOLOGY.address:
        return _named(_sample(reader), "generated tile", reader, began)
    path = Path(asked)
    if not asked or not path.is_file():
        raise InputError(
            "There is nothing to look at.", expected="a tile (PNG, JPEG, TIFF) or a whole slide",
            received=path.name or "nothing", fix="Choose a file, or the sample.", field="tile",
        )  # fmt: skip
    if not inputs.get("slide") and _is_tile(path):
        from .folders import read_picture

        return _named(read_picture(path, reader.card["tile"]), path.name, reader, began)
    return _mapped(path, reader, began)


def _is_tile(path: Path) -> bool:
    if path.suffix.lower() in TILE_ENDINGS:
        return True
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            page = file.pages[0]
            return len(file.pages) == 1 and max(page.shape[:2]) <= MOST_TILE_PX
    except (OSError, ValueError, tifffile.TiffFileError):
        return False


def _sample(reader: Reader) -> NDArray[np.uint8]:
    from workbench.engine.medical.phantoms import histology

    chance = histology.chance_of(ASKED_SEED, "asked")
    return histology.tile(histology.TUMOUR, reader.card["tile"], histology.style_of(chance, "B"), chance)


def _named(picture: NDArray[np.uint8], name: str, reader: Reader, began: float) -> Mapped:
    features = reader.describe(picture[None])
    near = -reader.shot.similarity(features)[0]
    order = np.argsort(near, kind="stable")
    classes, slides = reader.card["classes"], reader.card["slides"]
    scores = [(classes[at], round(float(1 - near[at] / 2), 4)) for at in order]
    close = (reader.shot.units(features) @ reader.shot.units(reader.features).T)[0]
    neighbours = []
    for at in np.argsort(-close, kind="stable")[:NEIGHBOURS]:
        where = f" of {slides[at]}" if slides else ""
        neighbours.append((f"{classes[reader.labels[at]]}{where}", round(float(close[at]), 4)))
    told = ", ".join(dict.fromkeys(one for one, _ in neighbours))
    seconds = time.perf_counter() - began
    return Mapped([
        Answer("SimpleShot", scores[0][0], scores=scores, seconds=seconds, note=NOTE),
        Answer("Nearest labelled tiles", f"{name} is most like {told}", scores=neighbours, seconds=seconds, note=NOTE),
    ])  # fmt: skip


def _mapped(path: Path, reader: Reader, began: float) -> Mapped:
    from . import bags
    from .folders import cut_slide

    card = reader.card
    if reader.pooling is None:
        raise InputError(
            "This model has learned nothing about slides.", expected="a run that was given slides", received=path.name,
            fix="Run it again with a list of slides.", field="slide",
        )  # fmt: skip
    tiles, places, span = cut_slide(path, mpp=card["mpp"], tile=card["tile"])
    features = reader.describe(tiles)
    shares, attention = bags.judged(reader.pooling, features)
    kinds = reader.shot.similarity(features).argmax(1)
    scores = {"attention": tuple(map(float, bags.ranks(attention)))}
    counts = np.bincount(kinds, minlength=len(card["classes"]))
    for at in np.argsort(-counts, kind="stable")[:4]:
        scores[f"named {card['classes'][at]}"] = tuple(map(float, kinds == at))
    heat = HeatMap(tuple((int(x), int(y)) for x, y in places), float(span), scores)
    ranked = sorted(zip(card["slide_classes"], map(float, shares), strict=True), key=lambda one: -one[1])
    best = int(attention.argmax())
    headline = f"{ranked[0][0]} ({ranked[0][1]:.0%}); most attention at {places[best][0]}, {places[best][1]}"
    seconds = time.perf_counter() - began
    return Mapped([Answer("Attention pooling", headline, scores=[(name, round(share, 4)) for name, share in ranked],
                          seconds=seconds, note=NOTE)], heat=heat)  # fmt: skip


def _load(folder: Path, card: dict[str, Any], job: Any) -> Reader:
    from safetensors.numpy import load_file
    from safetensors.torch import load_file as load_tensors

    from workbench.engine.devices import choose

    from .encoders import Network
    from .handmade import Handmade
    from .networks import Abmil
    from .protocols import SimpleShot
    from .weights import load_published

    if (folder / "encoder").is_dir():
        place = choose(job.device, job.precision)
        encoder: Any = load_published(folder / "encoder")
        describe: Any = Network(encoder.to(place.device), place)
    else:
        describe = Handmade(**load_file(folder / "handmade.safetensors"))
    kept = load_file(folder / "labelled.safetensors")
    shot = SimpleShot.learn(kept["features"], kept["labels"], len(card["classes"]))
    pooling = None
    if card["pooling"]:
        width, hidden, attention = card["pooling"]
        pooling = Abmil(width, len(card["slide_classes"]), hidden=hidden, attention=attention)
        pooling.load_state_dict(load_tensors(folder / "pooling.safetensors"))
        pooling.eval()
    return Reader(describe, shot, kept["features"], kept["labels"], pooling, card)
