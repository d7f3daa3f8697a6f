"""From seconds of speech to the first cloned sound, warm: python -m tests.bench.cloning --json.

By the recipe's apply, and as the Sounds page asks: the voice known and placed on the map, a second speaker looked for,
the text said, the sound compared with the voice.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from workbench.core.settings import Settings
from workbench.engine.backbone_folders import STARTERS
from workbench.recipes.speech.sv2tts import serve
from workbench.store.home import open_home
from workbench.worker.inspectors import inspect
from workbench.worker.interactive import ApplyContext, WarmCache

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
    taken, cpu, page = [], [], []
    with tempfile.TemporaryDirectory() as place:
        for at in range(ROUNDS + 1):
            voice = Path(place) / f"voice-{at}.wav"
            serve.answer(lane, model, {"text": f"{TEXT} {TEXT}", "voice": f"fictitious:{at}", "out": str(voice)})
            began, worked = time.perf_counter(), time.process_time()
            serve.answer(lane, model, {"text": TEXT, "voice": str(voice), "out": str(Path(place) / "said.wav")})
            taken.append(time.perf_counter() - began)
            cpu.append(time.process_time() - worked)
        context = ApplyContext("cpu", open_home(Path(place) / "home"), Settings(), WarmCache())
        for at in range(ROUNDS + 1):
            source = {"path": str(Path(place) / f"voice-{at}.wav")}
            began = time.perf_counter()
            inspect("clone-voice", {"source": source}, context)
            inspect("clone-say", {"source": source, "text": TEXT}, context)
            page.append(time.perf_counter() - began)
    found = {"enrol_and_say_s": statistics.median(taken[1:]), "worst_s": max(taken[1:]),
             "cpu_s": statistics.median(cpu[1:]), "page_s": statistics.median(page[1:]), "page_cold_s": page[0],
             "goal_s": 5.0}  # fmt: skip
    print(json.dumps(found) if asked.json else found)


if __name__ == "__main__":
    main()
