"""How fast and in how much memory the shipped recogniser transcribes: two minutes five times, and an hour once.

    python -m tests.bench.transcribe [--repeats 5] [--minutes 60] [--beam 1] [--model FOLDER] [--json]

The sound is the spoken sample over and over, as a WAV in the cache; reading it is not timed, loading the model is
apart. Without the shipped recogniser (or `--model`) one of its shape with seeded random weights takes its place,
which takes as long and says nothing about words; `model` tells which. The limit is 0.2 of the sound's length. Peak
memory of the long sound stands against that of the short one, both over what was in use before.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "2")
LIMIT = 0.2
SHORT_S = 120.0


def sound_of(seconds: float, folder: Path) -> Any:
    """The sample repeated to a length, as a file that is read already."""
    import numpy as np
    import soundfile

    from workbench.engine.speech.opening import open_whole
    from workbench.engine.speech.samples import write_sample

    samples, rate_hz = soundfile.read(str(write_sample(folder / "sample")[0]), dtype="int16")
    count = round(seconds * rate_hz)
    whole = np.tile(samples, count // len(samples) + 1)[:count]
    path = folder / f"{seconds:.0f}.wav"
    soundfile.write(str(path), whole, rate_hz)
    return open_whole(path, folder / "cache")


def recogniser(named: str) -> tuple[Any, str, float]:
    """The model, what it is, and the seconds that loading took."""
    from workbench.core.recognisers import SHIPPED
    from workbench.engine.speech.recognisers import load

    began = time.perf_counter()
    folder = Path(named) if named else SHIPPED
    if named or folder.is_dir():
        return load(folder), folder.name, time.perf_counter() - began
    import torch

    from workbench.engine.speech.recogniser import CtcRecogniser

    torch.manual_seed(0)
    return CtcRecogniser().eval(), "random weights of the shipped shape", time.perf_counter() - began


def measured(sound: Any, model: Any, beam: int) -> dict[str, float]:
    """Seconds for the whole, and the most memory that was in use beyond what was before, in MB."""
    import psutil

    from workbench.engine.speech.transcribing import transcribe

    process = psutil.Process()
    before = peak = process.memory_info().rss
    began = time.perf_counter()
    words = 0
    for part in transcribe(sound, model, beam=beam):
        words += len(part.words)
        peak = max(peak, process.memory_info().rss)
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "share": seconds / sound.meta.duration_s, "memory_mb": (peak - before) / 1e6,
            "words": words}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--beam", type=int, default=1)
    parser.add_argument("--model", default="")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    model, name, loading_s = recogniser(asked.model)
    with tempfile.TemporaryDirectory() as scratch:
        short, long = sound_of(SHORT_S, Path(scratch)), sound_of(60 * asked.minutes, Path(scratch))
        measured(short, model, asked.beam)
        runs = [measured(short, model, asked.beam) for _ in range(asked.repeats)]
        whole = measured(long, model, asked.beam)
    share = statistics.median(one["share"] for one in runs)
    found = {
        "model": name, "threads": int(os.environ["OMP_NUM_THREADS"]), "loading_s": loading_s, "share": share,
        "limit": LIMIT, "within": share <= LIMIT, "long": whole, "short_memory_mb": runs[0]["memory_mb"],
    }  # fmt: skip
    if asked.json:
        print(json.dumps(found))
        return
    print(f"{name}, loaded in {loading_s:.1f} s, {found['threads']} threads")
    print(f"{SHORT_S:.0f} s: {share:.4f} of its length (limit {LIMIT})")
    print(f"{asked.minutes:g} min: {whole['share']:.4f} of its length, {whole['memory_mb']:.0f} MB beyond what was "
          f"in use, {whole['words']} words; {runs[0]['memory_mb']:.0f} MB for the short one")  # fmt: skip


if __name__ == "__main__":
    main()
