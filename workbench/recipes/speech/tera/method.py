"""The course of a run: pretraining by restoring, probes, fine-tuning, the test."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from workbench.core.job import Job
from workbench.core.words import spaced
from workbench.engine import rng
from workbench.engine.devices import Place, place_of
from workbench.engine.speech import upstream
from workbench.engine.speech.encoder import Encoder
from workbench.engine.speech.features import padded
from workbench.engine.stages import Stage, Stages
from workbench.engine.training import fit

from . import alter, asking, probes, show
from .asking import Asked, Labels, ask, represented
from .data import WINDOW_S, Data, Utterance, load
from .networks import Restorer, Tagger, make_encoder
from .objectives import Naming, Restoration, absolute_error, altered_batch
from .recipe import ENCODED, MELS, RANDOM, STACKED, TERA, Tera

TUNE_RATES = (3e-4, 1e-3, 3e-3)
"""Rates of fine-tuning; development utterances choose."""
HELD_OUT = 24
"""The held-out error is taken over this many development utterances at most, always with the same alterations."""
MARK = 2025


def train(job: Job, params: Tera) -> None:
    """Load, pretrain, fine-tune, probe, test, save: the whole course of a run."""
    place = place_of(job)
    alter.check(params)
    data = load(job, params)
    labels = Labels.of(data.phones.train)
    job.log(f"{len(data.unlabelled)} utterances without labels; {len(data.phones.train)} to learn phones from, "
            f"{len(data.phones.development)} to choose, {len(data.phones.test)} to test; "
            f"{len(labels.names)} phones.")  # fmt: skip
    folder = job.folder / "weights"
    folder.mkdir(exist_ok=True)
    encoder, tuned = None, None
    if params.representation in ENCODED:
        stages = Stages(job)
        encoder = _encoder(job, stages, folder, data, labels, params=params, place=place)
        if params.fine_tune and not _kept(job):
            tuned = _tune(job, stages, folder, data, labels, params=params, place=place)
        for name, value in stages.known.items():
            job.result(name, value)
        encoder.to(place.device).eval()
    _test(job, encoder, data, labels, tuned=tuned, params=params, place=place)
    _clear(folder)


def _kept(job: Job) -> bool:
    """Whether a person asked to end here and keep what there is."""
    return bool(getattr(job, "kept_early", False))


def fresh(job: Job, params: Tera) -> Encoder:
    """The encoder as every arm of a seed starts."""
    rng.seed(job.seed)
    return make_encoder(params)


# Pretraining --------------------------------------------------------------------------------


class _Watcher:
    """Restores held-out speech and asks every layer for phones while pretraining goes on."""

    def __init__(
        self, job: Stage, model: Restorer, data: Data, labels: Labels, *, params: Tera, place: Place
    ) -> None:  # fmt: skip
        self.job, self.model, self.data, self.labels = job, model, data, labels
        self.params, self.place = params, place
        chosen = list(data.phones.development[:HELD_OUT])
        crops = [(one, slice(0, params.crop), np.random.default_rng((MARK, at))) for at, one in enumerate(chosen)]
        # The picture wants every alteration that is switched on, and blocks that are zeroed.
        loud = params.replace(noise_probability=1.0)
        shown = max(range(16), key=lambda at: _altered_share(chosen[0], loud, at))
        self.shown = altered_batch([(chosen[0], slice(0, params.crop), np.random.default_rng((MARK, 1, shown)))], loud)
        self.batch = altered_batch(crops, params)

    @torch.no_grad()
    def restored(self, batch: dict[str, Tensor]) -> Tensor:
        """What the network makes of an altered batch."""
        self.model.eval()
        with self.place.autocast():
            found: Tensor = self.model(batch["altered"].to(self.place.device), batch["lengths"].to(self.place.device))
        return found

    @torch.no_grad()
    def evaluate(self, step: int) -> float:
        """The mean absolute error on marked cells of development utterances; curves of it and of the layers."""
        self.model.eval()
        batch = {name: one.to(self.place.device) for name, one in self.batch.items()}
        with self.place.autocast():
            total = float(absolute_error(self.model, batch))
        value = total / max(float(self.batch["marked"].sum()), 1.0)
        self.job.metric("restoration_error", value, series="held out", step=step)
        with torch.enable_grad():
            found = asking.development_by_layer(self.model.encoder, self.data.phones, self.labels, self.params,
                                                self.place)  # fmt: skip
        for at, accuracy in enumerate(found):
            self.job.metric("probe", accuracy, series=f"layer {at}" if at else "input", step=step)
        with self.job.preview("restored speech") as granted:
            if granted:
                show.restoration(self.job, self.shown, self.restored(self.shown))
        return value


def _altered_share(one: Utterance, params: Tera, at: int) -> float:
    """How much of the share that is neither nothing nor all a draw of alterations takes; for the picture."""
    batch = altered_batch([(one, slice(0, params.crop), np.random.default_rng((MARK, 1, at)))], params)
    zeroed = (batch["altered"] - batch["clean"]).abs() * batch["marked"]
    share = float(batch["marked"].mean())
    return float(zeroed.sum()) if share < 0.5 else 0.0


def _encoder(
    job: Job, stages: Stages, folder: Path, data: Data, labels: Labels, *, params: Tera, place: Place
) -> Encoder:  # fmt: skip
    """The encoder after pretraining, or as it starts where nothing is to be learned without labels."""
    encoder = fresh(job, params)
    if params.representation != TERA:
        upstream.put(folder / upstream.WEIGHTS, encoder.state_dict())
        return encoder
    stage = stages.begin("pretraining", curves={"loss": "restoration_error", "learning_rate": "learning_rate"})
    if stage is not None:
        model = Restorer(encoder, params.mel_bins).to(place.device)
        stage.log(f"Encoder of {spaced(sum(one.numel() for one in encoder.parameters()))} parameters.")
        watcher = _Watcher(stage, model, data, labels, params=params, place=place)
        objective = Restoration(model, data.unlabelled, params, seed=stage.seed)
        result = fit(stage, objective, params, place=place, evaluate=watcher.evaluate, better="low")
        _shown(stage, watcher, data.phones.development[0], params)
        upstream.put(folder / upstream.WEIGHTS, encoder.state_dict())
        stages.end(stage, held_out_restoration_error=result.best_value)
    encoder.load_state_dict(load_file(folder / upstream.WEIGHTS))
    return encoder


def _shown(stage: Stage, watcher: _Watcher, one: Utterance, params: Tera) -> None:
    """The held-out stretch at the end of pretraining, also as sound, and who looks at whom."""
    restored = watcher.restored(watcher.shown)
    show.restoration(stage, watcher.shown, restored)
    show.restored_sound(stage, one, restored[0], params)
    frames = torch.from_numpy(one.frames[: min(params.crop, 120)])[None].to(watcher.place.device)
    show.attention(stage, watcher.model.encoder.looks(frames), one)


# Fine-tuning --------------------------------------------------------------------------------


@torch.no_grad()
def named(model: Tagger, utterances: Sequence[Utterance], place: Place) -> np.ndarray:
    """The class of every frame, one utterance after the other."""
    model.eval()
    found = []
    for at in range(0, len(utterances), asking.TOGETHER):
        batch, lengths = padded([torch.from_numpy(one.frames) for one in utterances[at : at + asking.TOGETHER]])
        with place.autocast():
            logits = model(batch.to(place.device), lengths.to(place.device))
        classes = logits.argmax(-1).cpu()
        found += [row[:length].numpy() for row, length in zip(classes, lengths.tolist(), strict=True)]
    return np.concatenate(found)


def _tune(
    job: Job, stages: Stages, folder: Path, data: Data, labels: Labels, *, params: Tera, place: Place
) -> np.ndarray | None:  # fmt: skip
    """Train encoder and a linear layer at each rate; returns which test frames the best one names right."""
    path = folder / "tagger.safetensors"
    truth = labels.classes(data.phones.development)
    for rate in TUNE_RATES:
        stage = stages.begin(f"fine-tuning, rate {rate:g}", curves={"learning_rate": "learning_rate"})
        if stage is None or _kept(job):
            continue
        rng.seed(stage.seed)
        model = _tagger(folder, labels, params)
        fine = params.replace(max_steps=params.tune_steps, learning_rate=rate)

        def evaluate(step: int, model: Tagger = model, stage: Stage = stage) -> float:
            value = float((named(model, data.phones.development, place) == truth).mean())
            stage.metric("tuning", value, series="validation", step=step)
            return value

        objective = Naming(model, data.phones.train, labels.places, fine, seed=stage.seed)
        result = fit(stage, objective, fine, place=place, evaluate=evaluate)
        value, best = result.best_value or 0.0, stages.known.get("tuned_development_accuracy", -1.0)
        if value > best:
            upstream.put(path, model.state_dict())
            stages.end(stage, tuned_development_accuracy=value, tuned_rate=rate)
        else:
            stages.end(stage)
    if not path.is_file():
        return None
    model = _tagger(folder, labels, params)
    model.load_state_dict(load_file(path))
    found: np.ndarray = named(model.to(place.device), data.phones.test, place) == labels.classes(data.phones.test)
    return found


def _tagger(folder: Path, labels: Labels, params: Tera) -> Tagger:
    encoder = make_encoder(params)
    encoder.load_state_dict(load_file(folder / upstream.WEIGHTS))
    return Tagger(encoder, len(labels.names))


# The test -----------------------------------------------------------------------------------


def _test(
    job: Job, encoder: Encoder | None, data: Data, labels: Labels, *, tuned: np.ndarray | None, params: Tera,
    place: Place,
) -> None:  # fmt: skip
    """Probe the representation, the controls where they are wanted, and tell it all."""
    job.phase("probing")
    names: list[str] = [params.representation]
    if params.compare and params.representation == TERA:
        names += [MELS, STACKED, RANDOM]
    found: list[Asked] = []
    for at, name in enumerate(names):
        network = fresh(job, params).to(place.device).eval() if name == RANDOM else encoder
        found.append(ask(name, represented(name, network, place, params.layer), data, labels, params, seed=job.seed))
        job.progress(at + 1, len(names) + 1)
    main = found[0]
    layers = None
    if encoder is not None:
        layers = asking.ask_layers(encoder, data.phones, labels, params, place, seed=job.seed)
        job.result("phone_accuracy_mixture", layers.mixture)
    job.progress(len(names) + 1, len(names) + 1)
    for name, value in main.numbers.items():
        job.result(name, value)
    chance = majorities(data, labels)
    job.result("majority_class", chance["phone_accuracy"])
    if tuned is not None:
        job.result("tuned_accuracy", float(tuned.mean()))
        main.outcomes["outcomes_tuned"] = probes.split(tuned, [len(one.frames) for one in data.phones.test])
    show.probe_table(job, found, tuned=None if tuned is None else float(tuned.mean()), chance=chance)
    show.layer_table(job, layers, main.numbers["phone_accuracy"])
    show.outcomes(job, main.outcomes)
    show.confusion(job, main, data.phones.test, labels)
    represent = represented(params.representation, encoder, place, params.layer)
    show.speaker_map(job, represent(data.phones.test), data.phones.test)
    _heard(job, main, represent(data.phones.test[:1])[0], data.phones.test[0], labels=labels, params=params)
    if params.keep_model and encoder is not None:
        _save(job, encoder, main, labels, params)


def majorities(data: Data, labels: Labels) -> dict[str, float]:
    """For each number, what naming the class that is most frequent in training gives on the test."""
    known, truth = labels.classes(data.phones.train), labels.classes(data.phones.test)
    silent = labels.places.get("sil", -2)
    counts = np.bincount(known, minlength=len(labels.names))
    found = {name: float((truth == counts.argmax()).mean()) for name in ("phone_accuracy", "phone_accuracy_hidden")}
    if silent >= 0:
        counts[silent] = 0
    found["phone_accuracy_without_silence"] = float((truth == counts.argmax())[truth != silent].mean())
    if data.noisy:
        found["phone_accuracy_noisy"] = found["phone_accuracy"]
    for name, parts, of in (
        ("speaker_accuracy", data.speakers, "speaker"), ("keyword_accuracy", data.keywords, "text")
    ):  # fmt: skip
        if parts is not None and parts.test:
            said = [getattr(one, of) for one in parts.train]
            most = max(sorted(set(said)), key=said.count)
            found[name] = float(np.mean([getattr(one, of) == most for one in parts.test]))
    return found


def _heard(
    job: Job, main: Asked, features: Any, one: Utterance, *, labels: Labels, params: Tera
) -> None:  # fmt: skip
    if main.phone_probe is None:
        return
    scores, classes = main.phone_probe.logits(features).softmax(1).max(1)
    show.heard(job, one, [labels.names[at] for at in classes.tolist()], scores.tolist(), params.hop_ms / 1000)


def _save(job: Job, encoder: Encoder, main: Asked, labels: Labels, params: Tera) -> None:
    """The encoder with its config, the linear phone probe, and the card."""
    job.phase("saving the model")
    folder = job.model_folder()
    kept = upstream.Upstream(encoder, params.hop_ms / 1000, WINDOW_S, params.layer or params.layers)
    upstream.save(folder, kept)
    if main.phone_probe is not None:
        probe = main.phone_probe
        tensors = dict(probe.probe.state_dict())
        upstream.put(folder / "phones.safetensors", tensors | {"mean": probe.mean, "deviation": probe.deviation})
    job.write_card(task="speech encoder", phones=list(labels.names))


def _clear(folder: Path) -> None:
    for file in folder.glob("*.safetensors"):
        file.unlink()
    with contextlib.suppress(OSError):
        folder.rmdir()
