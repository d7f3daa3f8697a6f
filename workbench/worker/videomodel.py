"""Models that name what happens in videos, kept warm: image-language models, classifiers, and models of recipes."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.documents import AnswersDoc
from workbench.core.problem import InputError, KnownTrouble
from workbench.core.recognising import RecogniserFacts, class_names
from workbench.core.videorecognisers import SHIPPED, SHIPPED_NAME, classes_of, classifying
from workbench.recipes import recipe, recipes
from workbench.store.videorecognisers import find_recogniser
from workbench.worker.child import place, share_cores

if TYPE_CHECKING:
    from workbench.engine.video.imagelanguage import ImageLanguage
    from workbench.engine.video.recognising import Recogniser, ZeroShot
    from workbench.worker.interactive import ApplyContext

RUN_FRAMES, RUN_SHORT_PX = 8, 112
"""What a recipe's model is given where its card does not say; it samples and scales for itself."""


def facts_of(named: str, context: ApplyContext) -> RecogniserFacts:
    """The model behind an address, a folder or a run; raises InputError where nothing there recognises."""
    return find_recogniser(context.home, named, classifying(recipes()))


def folder_of(facts: RecogniserFacts) -> Path:
    """Where a model's files are."""
    return SHIPPED if facts.path == SHIPPED_NAME else Path(facts.path)


def files_of(facts: RecogniserFacts) -> list[Path]:
    """The files that make a model what it is."""
    return [one for one in folder_of(facts).rglob("*") if one.suffix in (".json", ".safetensors", ".txt", ".model")]


def model_of(facts: RecogniserFacts, device: str, context: ApplyContext) -> ImageLanguage:
    """The image-language model, warm from the second question on, as long as its files stay as they are.

    Raises InputError where the model knows only its own classes.
    """
    from workbench.engine.video import imagelanguage

    if facts.fixed:
        raise InputError(
            "This model does not take words.", expected="a CLIP or SigLIP folder, or starter:mini-image-language",
            received=facts.title, fix="Choose an image-language model.", field="model", place=facts.path,
        )  # fmt: skip
    where = _where(device, context)
    key = ("image-language", facts.path, _stamp(facts), where)
    found: ImageLanguage | None = context.cache.get(key)
    if found is None:
        context.log(f"Loading {facts.path}")
        found = imagelanguage.load(facts.path).to(where).eval()
        context.cache[key] = found
    share_cores("interactive")
    return found


def _where(device: str, context: ApplyContext) -> str:
    """The device that is named, else the settings'; raises InputError where it is absent."""
    from workbench.engine.devices import choose

    return str(choose(place(device, context.device)).device)


def zero_shot(
    facts: RecogniserFacts, classes: Sequence[str], frames: int, device: str, context: ApplyContext
) -> ZeroShot:
    """The model with these classes; their vectors are kept as well."""
    from workbench.engine.video.recognising import ZeroShot

    names, where = class_names(classes), _where(device, context)
    key = ("zero-shot", facts.path, _stamp(facts), where, names, frames)
    found: ZeroShot | None = context.cache.get(key)
    if found is None:
        found = ZeroShot(model_of(facts, device, context), names, frames=frames)
        context.cache[key] = found
    return found


def recogniser(
    facts: RecogniserFacts, classes: Sequence[str], frames: int, device: str, context: ApplyContext
) -> Recogniser:
    """Whatever the model is, as something that scores clips; see worker/video.py for what `frames` 0 means."""
    if facts.family == "image-language":
        return zero_shot(facts, classes, frames, device, context)
    if facts.family == "run":
        return RunRecogniser.of(facts, frames, context)
    from workbench.engine.video import videomodels

    where = _where(device, context)
    key = ("video-classifier", facts.path, _stamp(facts), where)
    found: Any = context.cache.get(key)
    if found is None:
        context.log(f"Loading {facts.path}")
        found = videomodels.load(facts.path).to(where)
        context.cache[key] = found
    share_cores("interactive")
    return Classifier(found)


def _stamp(facts: RecogniserFacts) -> int:
    return max((one.stat().st_mtime_ns for one in files_of(facts)), default=0)


@dataclasses.dataclass
class Classifier:
    """A VideoMAE, TimeSformer or ViViT model with its own classes."""

    model: Any

    @property
    def classes(self) -> tuple[str, ...]:
        """Its labels."""
        return tuple(self.model.labels)

    @property
    def frames(self) -> int:
        """What it was trained on."""
        return int(self.model.frames)

    @property
    def image_px(self) -> int:
        """The edge of its pictures."""
        return int(self.model.image_px)

    def scores(self, clips: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities (B, K) for clips (B, T, H, W, 3)."""
        return np.asarray(self.model.scores(clips).cpu(), np.float32)


class RunRecogniser:
    """A model that a recipe trained, asked through the recipe's own apply()."""

    def __init__(self, facts: RecogniserFacts, frames: int, card: dict[str, Any], context: ApplyContext) -> None:
        self._facts, self._declared = facts, recipe(facts.recipe)
        # What apply() tells of its own progress is not the progress of this question.
        self._context = dataclasses.replace(context, tell=lambda fraction, words, partial: None)
        self.classes = classes_of(card)
        self.frames = frames or _number(card, "frames", RUN_FRAMES)
        self.image_px = facts.image_px or RUN_SHORT_PX

    @classmethod
    def of(cls, facts: RecogniserFacts, frames: int, context: ApplyContext) -> RunRecogniser:
        """The model of a run; raises InputError where its card cannot be read."""
        try:
            card = json.loads((Path(facts.path) / "workbench.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError("This model's card cannot be read.", expected="workbench.json", received=str(error),
                             fix="Choose another model.", field="model", place=facts.path) from None  # fmt: skip
        return cls(facts, frames, card, context)

    def scores(self, clips: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What apply() says of each clip (B, T, H, W, 3): (B, K), 0 for a class that it does not name."""
        share_cores("interactive")
        rows = [self._asked(clip) for clip in clips]
        if not self.classes:
            self.classes = tuple(sorted({name for row in rows for name in row}))
        known = set(self.classes)
        more = tuple(sorted({name for row in rows for name in row} - known))
        if more:
            self.classes = (*self.classes, *more)
        return np.array([[row.get(name, 0.0) for name in self.classes] for row in rows], np.float32)

    def _asked(self, clip: NDArray[np.uint8]) -> dict[str, float]:
        apply = self._declared.apply
        if apply is None:
            raise KnownTrouble("The recipe of this model does not serve it.", expected="a recipe with apply()",
                               received=self._facts.recipe, fix="Choose another model.")  # fmt: skip
        with tempfile.TemporaryDirectory(prefix="clip-") as folder:
            path = Path(folder) / "clip.npy"
            np.save(path, clip)
            found = apply(self._context, Path(self._facts.path), {"clip": str(path)})
        answers = found.answers if isinstance(found, AnswersDoc) else []
        scores = next((one.scores for one in answers if one.scores), [])
        if not scores:
            raise KnownTrouble("The model named no class.", expected="answers with scores", received="none",
                               fix="Choose another model.", place=self._facts.path)  # fmt: skip
        return {name: float(score) for name, score in scores}


def _number(card: dict[str, Any], key: str, otherwise: int) -> int:
    """A whole number from a card, or from the knobs that the run had."""
    config = card.get("config")
    params = config.get("params") if isinstance(config, dict) else None
    places = [one for one in (card, card.get("knobs"), params) if isinstance(one, dict)]
    for told in (one.get(key) for one in places):
        if isinstance(told, int) and not isinstance(told, bool) and told > 0:
            return told
    return otherwise
