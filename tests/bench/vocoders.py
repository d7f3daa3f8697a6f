"""Griffin-Lim beside the vocoder that comes along: how fast, how far from the recording, how well understood.

python -m tests.bench.vocoders --json [--model FOLDER] [--seed 90]: one core, processor time, medians of five. The
speakers are the first of the starter's seed, which its training keeps for the test, saying sentences of the test.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from workbench.core.vocoding import GRIFFIN_LIM, TRAINED_HERE
from workbench.engine.backbone_folders import STARTERS
from workbench.engine.speech import vocoders
from workbench.engine.speech.bank.rendering import Utterance, render
from workbench.engine.speech.bank.sentences import general
from workbench.engine.speech.bank.speakers import draw_speakers
from workbench.engine.speech.recogniser import CtcRecogniser
from workbench.engine.speech.transcripts import character_errors, greedy, plain
from workbench.recipes.speech.hifi_gan.measures import mean, off

ROUNDS, SPEAKERS = 5, 16


def misheard(waves: list[np.ndarray], texts: list[str], recogniser: CtcRecogniser) -> float:
    """The shipped recogniser's character error rate; it learned from generated speech, so its ear is a kind one."""
    found = [character_errors(greedy(recogniser.emissions(wave), recogniser.vocabulary), plain(text) or "")
             for wave, text in zip(waves, texts, strict=True)]  # fmt: skip
    return sum(wrong for wrong, _ in found) / sum(of for _, of in found)


def measured(
    vocoder: vocoders.Vocoder, waves: list[np.ndarray], texts: list[str], recogniser: CtcRecogniser
) -> dict[str, Any]:  # fmt: skip
    """Real-time factor (median of five, after a first call), and mean distances from recordings (n,) at 16 kHz."""
    mel = vocoder.mel
    frames = [mel.log_mel(torch.from_numpy(one)[None])[0].numpy() for one in waves]
    made = [vocoder(one) for one in frames]
    seconds = sum(map(len, waves)) / mel.sample_rate_hz
    taken = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for one in frames:
            vocoder(one)
        taken.append(time.process_time() - began)
    distances = mean([off(one, true, mel.sample_rate_hz) for one, true in zip(made, waves, strict=True)])
    return {"real_time_factor": round(statistics.median(taken) / seconds, 4),
            **{name: round(value, 4) for name, value in distances.items()},
            "character_error_rate": round(misheard(made, texts, recogniser), 4)}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--model", type=Path, default=None, help="a vocoder's folder (default: the one that comes)")
    parser.add_argument("--seed", type=int, default=90)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    speakers = draw_speakers({"test": SPEAKERS}, asked.seed)["test"]
    texts = general("test", SPEAKERS, asked.seed)
    spoken = render([Utterance(text, one) for text, one in zip(texts, speakers, strict=True)])
    waves = [one.as_float() for one in spoken]
    mel = vocoders.CLONING if asked.model is None else vocoders.analysis_of(asked.model)
    recogniser = CtcRecogniser.load(STARTERS / "speech-recogniser")
    chosen = {GRIFFIN_LIM: GRIFFIN_LIM, TRAINED_HERE: str(asked.model or TRAINED_HERE)}
    found = {name: measured(vocoders.choose(one, mel), waves, texts, recogniser) for name, one in chosen.items()}
    found["recordings"] = {"character_error_rate": round(misheard(waves, texts, recogniser), 4)}
    print(json.dumps(found) if asked.json else "\n".join(f"{name}: {row}" for name, row in found.items()))


if __name__ == "__main__":
    main()
