"""Units by CTC, intents by the decoder: greedy, or the likeliest of all combinations of slots."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workbench.engine.devices import Place
from workbench.engine.speech.features import padded
from workbench.engine.speech.transcripts import edits

from .data import Intent, Utterance
from .networks import SLOTS, START, Recogniser, Understander

TOGETHER = 64


def batches(utterances: Sequence[Utterance]) -> list[list[int]]:
    """Positions of utterances of similar length, so many at once."""
    order = sorted(range(len(utterances)), key=lambda at: len(utterances[at].frames))
    return [order[at : at + TOGETHER] for at in range(0, len(order), TOGETHER)]


@torch.no_grad()
def heard(model: Recogniser, utterances: Sequence[Utterance], units: Sequence[str], place: Place) -> list[list[str]]:
    """The units of each utterance by greedy CTC: the likeliest class of each state, repeats and blanks taken out."""
    model.eval()
    found: list[list[str]] = [[] for _ in utterances]
    for chosen in batches(utterances):
        frames, lengths = padded([torch.from_numpy(utterances[at].frames) for at in chosen])
        states, counts = model.encoder(frames.to(place.device), lengths.to(place.device))
        classes = model.ctc(states).argmax(-1).cpu()
        for row, count, at in zip(classes, counts.tolist(), chosen, strict=True):
            found[at] = [units[key - 1] for key, _ in itertools.groupby(row[:count].tolist()) if key]
    return found


def unit_error(model: Recogniser, utterances: Sequence[Utterance], units: Sequence[str], place: Place) -> float:
    """Edits over units that were said, of all utterances together."""
    found = heard(model, utterances, units, place)
    return sum(edits(one.units, each) for one, each in zip(utterances, found, strict=True)) / max(
        sum(len(one.units) for one in utterances), 1
    )


@dataclasses.dataclass(frozen=True)
class Guess:
    """What a command was taken to mean, with the probability of all three slots together."""

    intent: Intent
    probability: float


def combinations(words: Sequence[str]) -> tuple[list[Intent], Tensor]:
    """Every action with every object and location, and the decoder's places of each (N, 3)."""
    by_slot = [[(at + 2, one.partition("=")[2]) for at, one in enumerate(words) if one.startswith(f"{slot}=")]
               for slot in SLOTS]  # fmt: skip
    every = list(itertools.product(*by_slot))
    intents: list[Intent] = [(one[0][1], one[1][1], one[2][1]) for one in every]
    return intents, torch.tensor([[place for place, _ in one] for one in every], dtype=torch.long)


@torch.no_grad()
def greedy(model: Understander, utterances: Sequence[Utterance], words: Sequence[str], place: Place) -> list[Guess]:
    """Slot after slot the likeliest word of its slot."""
    model.eval()
    masks = torch.full((len(SLOTS), len(words) + 2), float("-inf"), device=place.device)
    for at, slot in enumerate(SLOTS):
        for number, word in enumerate(words):
            if word.startswith(f"{slot}="):
                masks[at, number + 2] = 0.0
    found: list[Guess] = [Guess(("", "", ""), 0.0)] * len(utterances)
    for chosen in batches(utterances):
        frames, lengths = padded([torch.from_numpy(utterances[at].frames) for at in chosen])
        states, counts = model.encoder(frames.to(place.device), lengths.to(place.device))
        said = torch.full((len(chosen), 1), START, dtype=torch.long, device=place.device)
        total = torch.zeros(len(chosen), device=place.device)
        for mask in masks:
            shares = (model(said, states, counts)[:, -1].float() + mask).log_softmax(-1)
            best, at_ = shares.max(-1)
            said, total = torch.cat([said, at_[:, None]], 1), total + best
        for row, probability, at in zip(said[:, 1:].tolist(), total.exp().tolist(), chosen, strict=True):
            values = [words[one - 2].partition("=")[2] for one in row]
            found[at] = Guess((values[0], values[1], values[2]), probability)
    return found


@torch.no_grad()
def ranked(model: Understander, one: Utterance, words: Sequence[str], place: Place) -> list[Guess]:
    """Every combination of slots for one command, the likeliest first; probabilities add up to 1."""
    model.eval()
    intents, places = combinations(words)
    frames = torch.from_numpy(one.frames)[None].to(place.device)
    states, counts = model.encoder(frames, torch.tensor([len(one.frames)], device=place.device))
    said = torch.cat([torch.full((len(places), 1), START, dtype=torch.long), places], 1).to(place.device)
    spread = states.expand(len(said), -1, -1)
    logits = model(said[:, :-1], spread, counts.expand(len(said))).float()
    picked = torch.zeros(len(said), device=place.device)
    for at, slot in enumerate(SLOTS):
        mask = torch.full((logits.shape[-1],), float("-inf"), device=place.device)
        mask[[number + 2 for number, word in enumerate(words) if word.startswith(f"{slot}=")]] = 0.0
        shares = (logits[:, at] + mask).log_softmax(-1)
        picked = picked + shares[torch.arange(len(said)), said[:, at + 1]]
    order = picked.argsort(descending=True).tolist()
    return [Guess(intents[at], float(picked[at].exp())) for at in order]


@torch.no_grad()
def looks(
    model: Understander, one: Utterance, guess: Intent, words: Sequence[str], place: Place
) -> NDArray[np.float32]:  # fmt: skip
    """Where the decoder looked for action, object and location, (3, states) of one utterance."""
    model.eval()
    frames = torch.from_numpy(one.frames)[None].to(place.device)
    states, _ = model.encoder(frames, torch.tensor([len(one.frames)], device=place.device))
    places = [words.index(f"{slot}={value}") + 2 for slot, value in zip(SLOTS, guess, strict=True)]
    said = torch.tensor([[START, *places[:-1]]], device=place.device)
    found: NDArray[np.float32] = model.decoder.looks(said, states).float().cpu().numpy()
    return found
