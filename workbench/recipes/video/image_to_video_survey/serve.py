"""A strategy at work: the classes of a clip, captions ranked for it, an answer to a question, or when a query happens.

`inputs`, as with the other recipes of videos: `clip` (a .npy of frames (T, H, W, 3) uint8), or `path` (a video) with
`start_s` and `end_s`, or the sample's address; `text` is a question, a query, or captions, one a line.
"""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

from workbench.core.documents import Answer, AnswersDoc
from workbench.core.problem import InputError
from workbench.engine.video.askedclips import asked_frames
from workbench.engine.warm import warm

from .recipe import SPRITES

ASKED_SEED = 990_007
"""Of the generated clip that is looked at outside of a run."""


@dataclasses.dataclass
class Watcher:
    """A strategy with its head, and what it was trained for."""

    strategy: Any
    head: Any
    backbone: Any
    place: Any
    card: dict[str, Any]


def answer(job: Any, folder: Path, inputs: dict[str, Any]) -> AnswersDoc:
    """Say what the model's task asks of a clip; raises InputError for what is no clip, or lacks a text."""
    import torch

    from .base import Encoded

    began = time.perf_counter()
    tool = warm(job, "image-to-video-survey", folder, lambda card: _load(folder, card, job))
    card = tool.card
    frames, title = asked_frames(inputs, card["frames"], card["edge"], sample=SPRITES.address, seed=ASKED_SEED)
    lines = [one.strip() for one in str(inputs.get("text") or "").splitlines() if one.strip()]
    if card["kind"] != "naming" and not lines:
        raise InputError(
            "This model needs words beside the clip.", expected="a question, a query, or captions one a line",
            received="no text", fix="Write what to look for.", field="text",
        )  # fmt: skip
    scores: list[tuple[str, float]] = []
    with torch.no_grad(), tool.place.autocast():
        pixels = tool.backbone.prepared(torch.from_numpy(frames)[None].to(tool.place.device))[None]
        found: Encoded = tool.strategy.encode(pixels)
        if card["kind"] == "naming":
            shares = tool.head.outputs(found, None)[0].float().softmax(0).tolist()
            scores = _ranked(card["classes"], shares)
            headline = scores[0][0]
        else:
            text = (tool.strategy.words(lines) if tool.strategy.speaks else tool.backbone.text(lines)).float()
            if card["kind"] == "retrieval":
                likeness = (tool.head.told(text) @ tool.head.outputs(found, None)[0]).tolist()
                scores = _ranked(lines, likeness)
                headline = scores[0][0]
            elif card["kind"] == "questions":
                scores = _ranked(card["classes"], tool.head.outputs(found, text[:1])[0].float().softmax(0).tolist())
                headline = scores[0][0]
            else:
                first, last = tool.head.span(tool.head.outputs(found, text[:1]))[0][0].tolist()
                headline = f"frames {first + 1} to {last + 1} of {len(frames)}"
    told = Answer(card["title"], headline, scores=scores, seconds=time.perf_counter() - began, note=title)
    return AnswersDoc([told])


def _ranked(names: list[str], values: list[float]) -> list[tuple[str, float]]:
    return sorted(((name, round(value, 4)) for name, value in zip(names, values, strict=True)), key=lambda one: -one[1])


def _load(folder: Path, card: dict[str, Any], job: Any) -> Watcher:
    from safetensors.torch import load_file

    from workbench.core.params import check
    from workbench.engine import checkpoints
    from workbench.engine.devices import choose
    from workbench.engine.video import imagelanguage

    from .catalogue import build, options_of
    from .recipe import ImageToVideo
    from .saving import WEIGHTS
    from .tasks import make_head

    place = choose(job.device, job.precision)
    backbone = imagelanguage.load(card["backbone"]).to(place.device).requires_grad_(False)
    params = check(ImageToVideo, card["knobs"])
    kept = load_file(folder / WEIGHTS, device=str(place.device))
    names = kept.pop("names")
    strategy = build(card["strategy"], backbone, options_of(params, card["frames"]), seed=0).to(place.device).eval()
    strategy.classes = card.get("prompts", [])
    scale = float(backbone.logit_scale.exp().clamp(max=100))
    head = make_head(card["kind"], dim=backbone.dim, frames=card["frames"], answers=len(card["classes"]), scale=scale,
                     names=names.cpu(), seed=0).to(place.device).eval()  # fmt: skip
    if kept:
        import torch

        model = torch.nn.ModuleDict({"strategy": strategy, "head": head})
        checkpoints.copy_into(checkpoints.learned(model), kept)
    return Watcher(strategy, head, backbone, place, card)
