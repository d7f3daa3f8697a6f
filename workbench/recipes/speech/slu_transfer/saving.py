"""The model as files: weights, the prefixes that a text encoder has read, and a card that says how to build it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError
from safetensors.torch import load_file, load_model, save_file, save_model
from torch import Tensor, nn

from workbench.core.problem import InputError

from .networks import Recogniser, Understander, make_decoder, make_encoder
from .recipe import SluTransfer

if TYPE_CHECKING:
    from .method import Course

WEIGHTS, PREFIXES, CARD = "model.safetensors", "prefixes.safetensors", "workbench.json"
SHAPE = ("layers", "decoder_layers", "width", "heads", "hidden", "mel_bins", "units", "multi_task", "fusion")
ENCODER = ("layers", "width", "heads", "hidden", "mel_bins")


def put(path: Path, model: nn.Module) -> None:
    """Write weights in one step, so that a killed run leaves the old file or the new one; shared ones once."""
    scratch = path.with_suffix(".part")
    save_model(model, str(scratch))
    scratch.replace(path)


def save(course: Course, model: Understander) -> None:
    """Write the model of a run."""
    folder = course.job.model_folder()
    put(folder / WEIGHTS, model)
    if course.prefixes is not None:
        save_file(dict(zip(("texts", "rows"), course.prefixes, strict=True)), folder / PREFIXES)
    shape = {name: getattr(course.params, name) for name in SHAPE}
    course.job.write_card(task="spoken commands", words=list(course.words), recognised=list(course.units), shape=shape)


def load(folder: Path, card: dict[str, Any]) -> Understander:
    """The network of a model folder, at inference; raises InputError where card and weights do not fit."""
    try:
        params = SluTransfer(**card["shape"], dropout=0.0)
        words, units = len(card["words"]) + 2, len(card["recognised"])
        encoder = make_encoder(params)
        beside = Recogniser(encoder, units, make_decoder(params, units + 2)) if params.multi_task else None
        read = load_file(folder / PREFIXES) if params.fusion else {}
        model = Understander(encoder, make_decoder(params, words), recogniser=beside, texts=read.get("texts"),
                             rows=read.get("rows"))  # fmt: skip
        load_model(model, folder / WEIGHTS)
    except (OSError, SafetensorError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            "The model cannot be read.", expected=f"{WEIGHTS} and {CARD} that fit each other",
            received=f"{type(error).__name__}: {error}"[:200], fix="Take the model folder of a finished run.",
            field="model", place=folder.name,
        ) from None  # fmt: skip
    return model.eval()


def encoder_of(folder: Path, params: SluTransfer) -> dict[str, Tensor]:
    """The encoder's weights of an earlier model; raises InputError where there are none, or of another shape."""
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        shape = {name: card["shape"][name] for name in ENCODER}
        weights = load_file(folder / WEIGHTS)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            "There is no encoder to start from.", expected="the model folder of a finished run of this recipe",
            received=f"{folder.name or 'nothing'}: {type(error).__name__}", fix="Choose the run's folder 'model'.",
            field="encoder",
        ) from None  # fmt: skip
    wanted = {name: getattr(params, name) for name in ENCODER}
    if shape != wanted:
        raise InputError(
            "The saved encoder has another shape.", expected=", ".join(f"{key} {one}" for key, one in shape.items()),
            received=", ".join(f"{key} {one}" for key, one in wanted.items()),
            fix="Set these knobs as the saved encoder has them.", field="encoder",
        )  # fmt: skip
    return {name.removeprefix("encoder."): one for name, one in weights.items() if name.startswith("encoder.")}
