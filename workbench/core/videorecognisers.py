"""Which model folders name what happens in a video, told from cards and configurations without loading anything."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import workbench
from workbench.core.modelcards import CARD, CONFIG, read_object
from workbench.core.recipe import VIDEO, Recipe
from workbench.core.recognising import RecogniserFacts

SHIPPED = Path(workbench.__file__).resolve().parents[1] / "resources" / "backbones" / "mini-image-language"
SHIPPED_NAME = "starter:mini-image-language"
SHIPPED_TITLE = "Shipped image-language model"
SHIPPED_NOTE = (
    "It knows generated sprites only: six shapes in six colours on blocky ground. Of ordinary videos it knows "
    "nothing; choose the folder of a CLIP or SigLIP model for those."
)
STILLS_NOTE = "It sees single pictures: what their order tells (left or right, opening or closing) it cannot know."
OWN = "image-language.json"
"""What an image-language model of the workbench is known by (engine/video/imagelanguage.py)."""
IMAGE_LANGUAGE = ("clip", "siglip", "siglip2")
CLASSIFIERS = ("videomae", "timesformer", "vivit")
EXPECTED = (
    "starter:mini-image-language, a CLIP or SigLIP folder, a VideoMAE, TimeSformer or ViViT classification folder, "
    "or a run of a video recipe"
)


def classifying(recipes: Mapping[str, Recipe]) -> frozenset[str]:
    """The ids of recipes whose models may be asked what happens in a clip."""
    return frozenset(one.id for one in recipes.values() if one.tab == VIDEO and one.apply is not None)


def facts_of(folder: Path, recipes: Collection[str] = ()) -> RecogniserFacts | None:
    """What recognises in a folder; None where nothing does. `recipes` are the ids of those whose models classify."""
    if folder == SHIPPED and (folder / OWN).is_file():
        return RecogniserFacts(SHIPPED_NAME, SHIPPED_TITLE, "image-language", SHIPPED_NOTE, image_px=_edge(folder))
    card = read_object(folder / CARD)
    config = card.get("config")
    if (folder / OWN).is_file():
        run = folder.parent.name if folder.name == "model" else folder.name
        return RecogniserFacts(str(folder), f"Image-language model  ·  {run}", "image-language", STILLS_NOTE,
                               image_px=_edge(folder))  # fmt: skip
    recipe = str(config.get("recipe", "")) if isinstance(config, dict) else ""
    if recipe in recipes:
        run = folder.parent.name if folder.name == "model" else folder.name
        title = str(config.get("title") or recipe) if isinstance(config, dict) else recipe
        return RecogniserFacts(str(folder), f"{title}  ·  {run}", "run", "", recipe, classes_of(card), _size(card))
    about = read_object(folder / CONFIG)
    kind = str(about.get("model_type", ""))
    if kind in IMAGE_LANGUAGE:
        return RecogniserFacts(str(folder), folder.name, "image-language", STILLS_NOTE, image_px=_edge(folder))
    named = about.get("architectures")
    heads = [str(one) for one in named] if isinstance(named, list) else []
    if kind in CLASSIFIERS and any(one.endswith("ForVideoClassification") for one in heads):
        labels = about.get("id2label")
        classes = tuple(map(str, labels.values())) if isinstance(labels, dict) else ()
        return RecogniserFacts(str(folder), folder.name, "video-classifier", "", "", classes, _edge(folder))
    return None


def _edge(folder: Path) -> int:
    """The edge of a model's pictures by its configuration; 0 where that does not say."""
    about = read_object(folder / "vision" / CONFIG) or read_object(folder / CONFIG)
    vision = about.get("vision_config")
    found = (vision if isinstance(vision, dict) else about).get("image_size")
    return found if isinstance(found, int) else 0


def _size(card: dict[str, Any]) -> int:
    """The edge of a recipe's clips by its model's card; 0 where that does not say."""
    return next((card[key] for key in ("edge", "image_px", "size") if isinstance(card.get(key), int)), 0)


def classes_of(card: dict[str, Any]) -> tuple[str, ...]:
    """The classes that a model's card names, if it does."""
    tasks = card.get("tasks")
    # A model of several tasks answers the first one first.
    first = next(iter(tasks.values()), None) if isinstance(tasks, dict) else None
    for found in (first, *(card.get(key) for key in ("classes", "labels", "motions", "coarse"))):
        if isinstance(found, list) and found and all(isinstance(one, str) for one in found):
            return tuple(found)
    return ()
