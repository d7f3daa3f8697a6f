"""What each representation knows: the same probes for all, on phones, speakers and keywords."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from workbench.engine.devices import Place
from workbench.engine.speech.encoder import Encoder
from workbench.engine.speech.features import padded

from . import probes
from .data import SILENCE, Data, Parts, Utterance
from .objectives import UNKNOWN
from .probes import Floats, Ints, Learned
from .recipe import MELS, STACKED, Tera

TOGETHER = 16
LONGEST = 1500
"""Frames that the encoder is given at once; longer utterances are cut there."""

Represent = Callable[[Sequence[Utterance]], list[Floats]]
"""Features (T, …) of each utterance."""


@torch.no_grad()
def states(encoder: Encoder, utterances: Sequence[Utterance], place: Place) -> list[Floats]:
    """What goes into the encoder's first layer and comes out of each, (T, layers + 1, width) an utterance."""
    encoder.eval()
    pieces = [one.frames[at : at + LONGEST] for one in utterances for at in range(0, len(one.frames), LONGEST)]
    order = sorted(range(len(pieces)), key=lambda at: len(pieces[at]))
    found: dict[int, Floats] = {}
    for start in range(0, len(order), TOGETHER):
        chosen = order[start : start + TOGETHER]
        batch, lengths = padded([torch.from_numpy(pieces[at]) for at in chosen])
        with place.autocast():
            layers = torch.stack(encoder(batch.to(place.device), lengths.to(place.device)), 2).float().cpu()
        for row, at in enumerate(chosen):
            found[at] = layers[row, : len(pieces[at])].numpy()
    joined, at = [], 0
    for one in utterances:
        count = max(1, -(-len(one.frames) // LONGEST))
        joined.append(np.concatenate([found[at + piece] for piece in range(count)]))
        at += count
    return joined


def represented(name: str, encoder: Encoder | None, place: Place, layer: int) -> Represent:
    """Log-mel frames, stacked ones, or what comes out of an encoder's `layer` (0: the last)."""
    if name == MELS:
        return lambda utterances: [one.frames for one in utterances]
    if name == STACKED:
        return lambda utterances: [probes.stacked(one.frames) for one in utterances]
    if encoder is None:
        raise ValueError(f"{name} needs an encoder")
    return lambda utterances: [np.ascontiguousarray(one[:, layer or -1]) for one in states(encoder, utterances, place)]


@dataclasses.dataclass(frozen=True)
class Labels:
    """The phones of the run: those of the utterances that probes learn from, in order."""

    names: tuple[str, ...]

    @classmethod
    def of(cls, utterances: Sequence[Utterance]) -> Labels:
        """Every phone that these utterances hold."""
        return cls(tuple(sorted({phone for one in utterances for phone in one.phones})))

    @property
    def places(self) -> dict[str, int]:
        """The class of each phone."""
        return {name: at for at, name in enumerate(self.names)}

    def classes(self, utterances: Sequence[Utterance]) -> Ints:
        """The class of every frame, one utterance after the other; −1 for phones that training has not heard."""
        places = self.places
        return np.array([places.get(phone, UNKNOWN) for one in utterances for phone in one.phones], np.int64)


@dataclasses.dataclass
class Asked:
    """A representation's numbers, and of each test utterance how many answers were right, of how many (N, 2)."""

    name: str
    numbers: dict[str, float] = dataclasses.field(default_factory=dict)
    rates: dict[str, float] = dataclasses.field(default_factory=dict)
    outcomes: dict[str, Floats] = dataclasses.field(default_factory=dict)
    phone_probe: Learned | None = None
    named: Ints | None = None


def ask(name: str, represent: Represent, data: Data, labels: Labels, params: Tera, *, seed: int) -> Asked:
    """All probes on one representation."""
    found = Asked(name)
    _ask_phones(found, represent, data, labels, params, seed=seed)
    if data.speakers.test:
        _ask_speakers(found, represent, data.speakers, params, seed=seed)
    if data.keywords is not None:
        _ask_keywords(found, represent, data.keywords, params, seed=seed)
    return found


def _ask_phones(
    found: Asked, represent: Represent, data: Data, labels: Labels, params: Tera, *, seed: int
) -> None:  # fmt: skip
    parts = data.phones
    train, development = (
        (np.concatenate(represent(one)), labels.classes(one)) for one in (parts.train, parts.development)
    )
    test, truth = np.concatenate(represent(parts.test)), labels.classes(parts.test)
    lengths = [len(one.frames) for one in parts.test]
    silent = np.array([phone == SILENCE for one in parts.test for phone in one.phones])
    for metric, hidden in (("phone_accuracy", 0), ("phone_accuracy_hidden", params.probe_hidden)):
        probe = probes.learn(train, development, classes=len(labels.names), steps=params.probe_steps, hidden=hidden,
                             seed=seed)  # fmt: skip
        named = probe(test)
        found.rates[metric] = probe.rate
        found.numbers[metric] = float((named == truth).mean())
        if hidden:
            continue
        found.phone_probe, found.named = probe, named
        found.numbers["phone_accuracy_without_silence"] = float((named == truth)[~silent].mean())
        found.outcomes["outcomes"] = probes.split(named == truth, lengths)
        if data.noisy:
            heard = probe(np.concatenate(represent(data.noisy)))
            found.numbers["phone_accuracy_noisy"] = float((heard == labels.classes(data.noisy)).mean())
            found.numbers["accuracy_loss_in_noise"] = (
                found.numbers["phone_accuracy"] - found.numbers["phone_accuracy_noisy"]
            )


def _ask_speakers(found: Asked, represent: Represent, parts: Parts, params: Tera, *, seed: int) -> None:
    names = sorted({one.speaker for one in parts.train})
    of = [np.array([names.index(one.speaker) for one in part], np.int64)
          for part in (parts.train, parts.development, parts.test)]  # fmt: skip
    features = [represent(part) for part in (parts.train, parts.development, parts.test)]
    frames = [(np.concatenate(one), np.repeat(who, list(map(len, one)))) for one, who in zip(features, of, strict=True)]
    probe = probes.learn(frames[0], frames[1], classes=len(names), steps=params.probe_steps, seed=seed)
    found.numbers["speaker_frame_accuracy"] = float((probe(frames[2][0]) == frames[2][1]).mean())
    found.rates["speaker_frame_accuracy"] = probe.rate
    _ask_pooled(found, "speaker_accuracy", "outcomes_speakers", features, of, params=params, seed=seed)


def _ask_keywords(found: Asked, represent: Represent, parts: Parts, params: Tera, *, seed: int) -> None:
    names = sorted({one.text for one in parts.train})
    each = (parts.train, parts.development, parts.test)
    of = [np.array([names.index(one.text) for one in part], np.int64) for part in each]
    _ask_pooled(found, "keyword_accuracy", "outcomes_keywords", [represent(part) for part in each], of,
                params=params, seed=seed)  # fmt: skip


def _ask_pooled(
    found: Asked, metric: str, slot: str, features: Sequence[Sequence[Floats]], of: Sequence[Ints], *, params: Tera,
    seed: int,
) -> None:  # fmt: skip
    """A linear probe on the means over the utterances' frames."""
    means = [np.stack([one.mean(0) for one in part]) for part in features]
    probe = probes.learn((means[0], of[0]), (means[1], of[1]), classes=int(of[0].max()) + 1, steps=params.probe_steps,
                         seed=seed)  # fmt: skip
    right: NDArray[np.bool_] = probe(means[2]) == of[2]
    found.numbers[metric], found.rates[metric] = float(right.mean()), probe.rate
    found.outcomes[slot] = np.stack([right.astype(np.float32), np.ones(len(right), np.float32)], 1)


@dataclasses.dataclass(frozen=True)
class Layers:
    """Phone accuracy (linear) of every layer from the input on, and of their learned mixture with its weights."""

    accuracies: tuple[float, ...]
    mixture: float
    weights: tuple[float, ...]


def ask_layers(encoder: Encoder, parts: Parts, labels: Labels, params: Tera, place: Place, *, seed: int) -> Layers:
    """Probe every layer and a mixture of all on the test."""
    train, development, test = (
        np.concatenate(states(encoder, part, place)) for part in (parts.train, parts.development, parts.test)
    )
    known, chosen, truth = (labels.classes(part) for part in (parts.train, parts.development, parts.test))

    def asked(pick: Callable[[Floats], Floats]) -> tuple[float, Learned]:
        probe = probes.learn((pick(train), known), (pick(development), chosen), classes=len(labels.names),
                             steps=params.probe_steps, seed=seed)  # fmt: skip
        return float((probe(pick(test)) == truth).mean()), probe

    each = tuple(asked(lambda one, at=at: np.ascontiguousarray(one[:, at]))[0] for at in range(train.shape[1]))  # type: ignore[misc]
    mixture, probe = asked(lambda one: one)
    return Layers(each, mixture, tuple(probe.weights))


def development_by_layer(
    encoder: Encoder, parts: Parts, labels: Labels, params: Tera, place: Place
) -> list[float]:  # fmt: skip
    """A quick look while pretraining goes on: one rate, a third of the steps, development frames only."""
    train, development = (np.concatenate(states(encoder, part, place)) for part in (parts.train, parts.development))
    known, chosen = labels.classes(parts.train), labels.classes(parts.development)
    return [
        probes.learn(
            (np.ascontiguousarray(train[:, at]), known), (np.ascontiguousarray(development[:, at]), chosen),
            classes=len(labels.names), steps=max(1, params.probe_steps // 3), rates=probes.RATES[1:2],
        ).development
        for at in range(train.shape[1])
    ]  # fmt: skip
