"""A trained encoder at work: the phones of a sound, and its features as an array."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from workbench.core.audio import Tier, TiersDoc
from workbench.core.documents import Answer, AnswersDoc
from workbench.core.problem import InputError

from .recipe import BANK

LISTED = 5


class Heard(AnswersDoc):
    """Answers about a sound, with its phones in time, and where its features were written (empty: nowhere)."""

    tiers: TiersDoc
    features: str = ""


@dataclasses.dataclass
class Listener:
    """An encoder with its phone probe."""

    upstream: Any
    probe: Any
    phones: list[str]


def answer(job: Any, folder: Path, inputs: dict[str, Any]) -> Heard:
    """Tell the phones of inputs['sound'] (a file, or the sample's address); `features` names a .npy to write.

    Features are (frames, width) float32 of the probed layer, one frame per hop. Raises InputError for what is no sound.
    """
    began = time.perf_counter()
    tool = _warm(job, folder)
    asked = str(next((inputs[name] for name in ("sound", "sounds", "phones") if inputs.get(name)), ""))
    from workbench.engine.speech.listening import asked_wave

    wave, title = asked_wave(asked, BANK.address)
    from .show import runs

    features = tool.upstream.features(wave)
    scores, classes = tool.probe.logits(features).softmax(1).max(1)
    names = [tool.phones[at] for at in classes.tolist()]
    segments = runs(names, scores.tolist(), tool.upstream.hop_s)
    tiers = TiersDoc([Tier("phones", "phones", segments)], len(wave) / 16_000, title)
    written = _written(inputs, features)
    counts = {name: names.count(name) / len(names) for name in set(names)}
    ranked = sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:LISTED]
    said = " ".join(each.text for each in segments) or "silence"
    return Heard(
        [Answer("Linear probe on TERA", said, scores=[(name, round(share, 4)) for name, share in ranked],
                seconds=time.perf_counter() - began, note=f"{title}; shares are of its frames")],
        tiers, written,
    )  # fmt: skip


def _written(inputs: dict[str, Any], features: Any) -> str:
    if not inputs.get("features"):
        return ""
    path = Path(str(inputs["features"]))
    if path.suffix != ".npy" or not path.parent.is_dir():
        raise InputError(
            "The features cannot be written there.", expected="a .npy in a folder that is there", received=str(path),
            fix="Choose another place.", field="features",
        )  # fmt: skip
    np.save(path, features, allow_pickle=False)
    return str(path)


def _warm(job: Any, folder: Path) -> Listener:
    card = folder / "workbench.json"
    key = ("tera", str(folder), card.stat().st_mtime_ns, job.device)
    if key not in job.cache:
        job.cache[key] = _load(folder, json.loads(card.read_text(encoding="utf-8")), job)
    tool: Listener = job.cache[key]
    return tool


def _load(folder: Path, card: dict[str, Any], job: Any) -> Listener:
    from safetensors.torch import load_file

    from workbench.engine.devices import choose
    from workbench.engine.speech import upstream

    from .probes import Learned, Probe

    found = upstream.load(folder)
    found.encoder.to(choose(job.device, job.precision).device)
    kept = load_file(folder / "phones.safetensors")
    mean, deviation = kept.pop("mean"), kept.pop("deviation")
    probe = Probe((len(mean),), len(card["phones"]), 0)
    probe.load_state_dict(kept)
    learned = Learned(probe.eval(), mean, deviation, 0.0, 0.0)
    return Listener(found, learned, card["phones"])
