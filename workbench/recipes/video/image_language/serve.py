"""A trained model at work: which of some texts a picture is most like."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from workbench.core.documents import Answer, AnswersDoc
from workbench.core.problem import InputError
from workbench.engine.devices import choose
from workbench.engine.video import imagelanguage
from workbench.engine.video.motions import stills
from workbench.engine.warm import warm

from .data import PICTURES_SLOT
from .recipe import STILLS

ASKED_SEED = 99_000
"""The generated picture that is asked about is of no run's parts."""
MOST_SHOWN = 8


@torch.no_grad()
def answer(job: Any, folder: Path, inputs: dict[str, Any]) -> AnswersDoc:
    """Compare inputs['pictures'] (a picture) with inputs['captions'] (a list, or lines or parts between semicolons).

    Without captions, with the model's own classes. The sample's address asks about a generated picture. Raises
    InputError where there is no picture or nothing to compare it with.
    """
    began = time.perf_counter()
    network, card = warm(job, "image-language", folder, lambda card: (_load(folder, job), card))
    texts = _texts(inputs.get("captions") or "") or list(card["classes"])
    if not texts:
        raise InputError(
            "There is nothing to compare the picture with.", expected="one or more texts", received="none",
            fix="Write what the picture might show, one text a line.", field="captions",
        )  # fmt: skip
    asked = str(inputs.get(PICTURES_SLOT) or "")
    if asked == STILLS.address:
        found = stills(1, ASKED_SEED, card["image_px"])
        image, name = found.images[0], f"generated picture ({found.captions[0]})"
    else:
        from .folders import read_picture

        if not asked or not Path(asked).is_file():
            raise InputError(
                "There is no picture to look at.", expected="a picture (PNG, JPEG …)",
                received=Path(asked).name or "nothing", fix="Choose a file, or the sample.", field=PICTURES_SLOT,
            )  # fmt: skip
        image, name = read_picture(Path(asked), card["image_px"]), Path(asked).name
    logits = network.logits(network.pooled(network.prepared(image[None])), network.text(texts))[0]
    shares = logits.softmax(0).cpu().numpy()
    best = np.argsort(-shares, kind="stable")[:MOST_SHOWN]
    scores = [(texts[at], round(float(shares[at]), 4)) for at in best]
    seconds = time.perf_counter() - began
    return AnswersDoc([Answer("Nearest text", scores[0][0], scores=scores, seconds=seconds, note=name)])


def _texts(told: Any) -> list[str]:
    parts = told if isinstance(told, list) else re.split(r"[;\n]", str(told))
    return [text for one in parts if (text := str(one).strip())]


def _load(folder: Path, job: Any) -> imagelanguage.ImageLanguage:
    return imagelanguage.load(folder).to(choose(job.device, job.precision).device)
