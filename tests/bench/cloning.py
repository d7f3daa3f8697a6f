"""From seconds of speech to the first cloned sound, warm: python -m tests.bench.cloning --json."""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from workbench.engine.backbone_folders import STARTERS
from workbench.recipes.speech.sv2tts import serve

ROUNDS = 5
TEXT = "The old man found a yellow boat near the river."


class Lane:
    """What apply is given, without a worker."""

    device = "cpu"

    def __init__(self) -> None:
        self.cache: dict[Any, Any] = {}

    def progress(self, done: int, of: int, words: str = "") -> None:
        """Nobody waits."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    lane, model = Lane(), STARTERS / "voice-synthesiser"
    taken, cpu = [], []
    with tempfile.TemporaryDirectory() as place:
        for at in range(ROUNDS + 1):
            voice = Path(place) / f"voice-{at}.wav"
            serve.answer(lane, model, {"text": f"{TEXT} {TEXT}", "voice": f"fictitious:{at}", "out": str(voice)})
            began, worked = time.perf_counter(), time.process_time()
            serve.answer(lane, model, {"text": TEXT, "voice": str(voice), "out": str(Path(place) / "said.wav")})
            taken.append(time.perf_counter() - began)
            cpu.append(time.process_time() - worked)
    found = {"enrol_and_say_s": statistics.median(taken[1:]), "worst_s": max(taken[1:]),
             "cpu_s": statistics.median(cpu[1:]), "goal_s": 5.0}  # fmt: skip
    print(json.dumps(found) if asked.json else found)


if __name__ == "__main__":
    main()
