"""How many characters and words the shipped recogniser gets wrong in sounds of several sentences with pauses between.

    python -m tests.bench.sentences [--seeds 500,501] [--json]

Twelve sounds a seed, of five sentences each, by generated speakers and sentences that nothing was trained on.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

SOUNDS, SENTENCES, SPEAKERS = 12, 5, 12
PAUSE_S = (0.4, 0.9)


def main() -> None:
    """Print the error rates of each seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seeds", default="500,501")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found = {seed: measured(int(seed)) for seed in asked.seeds.split(",")}
    if asked.json:
        print(json.dumps({"bench": "sentences", "by seed": found}))
    else:
        for seed, rates in found.items():
            print(f"seed {seed}: " + ", ".join(f"{name} {value:.4f}" for name, value in rates.items()))


def measured(seed: int) -> dict[str, float]:
    """Shares of characters and words that are wrong."""
    import numpy as np
    import soundfile

    from workbench.engine.backbone_folders import STARTERS
    from workbench.engine.speech import recognisers
    from workbench.engine.speech.bank.rendering import Utterance, render
    from workbench.engine.speech.bank.sentences import general
    from workbench.engine.speech.bank.speakers import draw_speakers
    from workbench.engine.speech.opening import open_whole
    from workbench.engine.speech.transcribing import transcribe
    from workbench.engine.speech.transcripts import character_errors, word_errors

    model = recognisers.load(STARTERS / "speech-recogniser")
    speakers = draw_speakers({"test": SPEAKERS}, seed)["test"]
    texts = general("test", SOUNDS * SENTENCES, seed)
    # The first six sounds are by one speaker each, the others by five.
    who = [speakers[(at // SENTENCES if at < len(texts) // 2 else at) % SPEAKERS] for at in range(len(texts))]
    spoken = list(render([Utterance(text, one) for text, one in zip(texts, who, strict=True)]))
    chance = np.random.default_rng(seed)
    wrong = {"characters": np.zeros(2), "words": np.zeros(2)}
    with tempfile.TemporaryDirectory(prefix="sentences-") as scratch:
        for first in range(0, len(spoken), SENTENCES):
            parts: list[np.ndarray] = []
            for one in spoken[first : first + SENTENCES]:
                wave = one.as_float()
                silence = np.zeros(int(16_000 * chance.uniform(*PAUSE_S)), np.float32)
                parts += [wave / max(float(np.abs(wave).max()), 1e-6) * 0.5, silence]
            wave = np.concatenate(parts)
            wave = wave + chance.normal(0, 0.001, len(wave)).astype(np.float32)
            path = Path(scratch) / f"{first}.wav"
            soundfile.write(path, wave.astype(np.float32), 16_000)
            words = [
                word for part in transcribe(open_whole(path, Path(scratch) / "cache"), model) for word in part.words
            ]
            heard, said = " ".join(word.text for word in words), " ".join(texts[first : first + SENTENCES])
            wrong["characters"] += character_errors(heard, said)
            wrong["words"] += word_errors(heard, said)
    return {name: float(errors / of) for name, (errors, of) in wrong.items()}


if __name__ == "__main__":
    main()
