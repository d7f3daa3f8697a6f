"""A trained model at work: the likeliest intents of a sound."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

from workbench.core.documents import Answer, AnswersDoc
from workbench.engine.warm import warm

from .recipe import COMMANDS

LISTED = 5


@dataclasses.dataclass
class Tool:
    """A network with its vocabularies, where it runs."""

    model: Any
    words: list[str]
    units: list[str]
    bins: int
    place: Any


def answer(job: Any, folder: Path, inputs: dict[str, Any]) -> AnswersDoc:
    """What inputs['sound'] (a file, or the sample's address) means: the likeliest intents, their probabilities.

    Where the model recognises beside, its note is what the CTC head hears. Raises InputError for what is no sound.
    """
    began = time.perf_counter()
    tool: Tool = warm(job, "slu-transfer", folder, lambda card: _load(job, folder, card))
    from workbench.engine.speech.bank.sentences import commands
    from workbench.engine.speech.listening import ASKED_SEED, asked_wave, normal_log_mel

    from . import decoding
    from .data import HOP_S, Utterance
    from .show import said

    asked = str(next((inputs[name] for name in ("sound", "commands", "recognition") if inputs.get(name)), ""))
    wave, title = asked_wave(asked, COMMANDS.address, commands("test", ASKED_SEED)[0].text)
    one = Utterance(title, normal_log_mel(wave, bins=tool.bins, hop_s=HOP_S))
    found = decoding.ranked(tool.model, one, tool.words, tool.place)[:LISTED]
    note = title
    if tool.model.recogniser is not None:
        (heard,) = decoding.heard(tool.model.recogniser, [one], tool.units, tool.place)
        note += f"; heard: {(' ' if any(len(unit) > 1 for unit in heard) else '').join(heard)}"
    return AnswersDoc(
        [Answer("Action, object, location", said(found[0].intent) or "nothing",
                scores=[(said(each.intent) or "nothing", round(each.probability, 4)) for each in found],
                seconds=time.perf_counter() - began, note=note)]
    )  # fmt: skip


def _load(job: Any, folder: Path, card: dict[str, Any]) -> Tool:
    from workbench.engine.devices import choose

    from . import saving

    place = choose(job.device, job.precision)
    model = saving.load(folder, card).to(place.device)
    return Tool(model, list(card["words"]), list(card["recognised"]), int(card["shape"]["mel_bins"]), place)
