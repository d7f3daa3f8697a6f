"""Diarisation error rate, real-time factor and memory on generated conversations, against controls.

`python -m tests.bench.diarising [--encoder DIR] [--tuning] [--seeds 3] [--hour] [--json]`. Speakers and sentences are
none that the encoder learned from (asserted); `--tuning` takes the development seeds, by which the settings were
chosen, else the test seeds. Arms: the encoder with and without the number of speakers; log-mel statistics in its
place with a threshold of their own; everything given to one speaker. `alike` conversations are of voices that are
one variant of espeak-ng.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.engine.speech.voices import LogMelStatistics
from workbench.core.audio import Segment, Tier
from workbench.engine.backbone_folders import STARTERS
from workbench.engine.speech import diarising
from workbench.engine.speech.bank.conversations import Talk, converse
from workbench.engine.speech.bank.speakers import APART, Speaker, distance, draw_speakers
from workbench.engine.speech.diarisation_error import diarisation_error
from workbench.engine.speech.speaker_encoder import load_speaker_encoder

LEARNED = ({"test": 24, "voices": 160, "development": 12, "judge": 64, "encoder": 400}, 90)
"""How the shipped encoder's speakers were drawn."""
TUNING, TESTING = 700, 800
"""First seeds of the development and of the test conversations."""
SNRS: tuple[float | None, ...] = (None, 20.0, 10.0, 5.0)
STATISTICS_AT = 0.94
"""The control's own threshold, chosen on the development seeds too."""


def held_out(seed: int) -> list[Speaker]:
    """Speakers that are unlike everyone that the encoder learned from, by the bank's own measure."""
    drawn = draw_speakers(*LEARNED)
    learned = [one for part in drawn.values() for one in part]
    found = [one for one in draw_speakers({"new": 160}, seed)["new"]
             if all(distance(one, other) >= APART for other in learned)]  # fmt: skip
    assert len(found) >= 8
    return found


def conversations(first: int, seeds: int) -> Iterator[tuple[str, int, float | None, np.ndarray, Tier]]:
    """(set, speakers, SNR, samples, truth)."""
    for seed in range(first, first + seeds):
        people = held_out(seed)
        variants: dict[str, list[Speaker]] = {}
        for one in people:
            variants.setdefault(one.variant, []).append(one)
        alike = max(variants.values(), key=len)
        for count in (1, 2, 3, 4):
            for at, snr in enumerate(SNRS):
                chosen = [people[(count * 7 + each) % len(people)] for each in range(count)]
                talk = Talk(turns=10, snr_db=snr, noise=("pink", "pink", "white", "pink")[at])
                one = converse(chosen, talk, seed * 10 + count)
                yield "mixed", count, snr, one.samples, one.tier
        count = min(3, len(alike))
        one = converse(alike[:count], Talk(turns=10, snr_db=20.0), seed * 10 + 9)
        yield "alike", count, 20.0, one.samples, one.tier


def measure(encoder: Any, first: int, seeds: int, settings: diarising.Settings) -> dict[str, Any]:
    """Rates per arm, set and SNR; counts of speakers that were found right; times."""
    rows: dict[str, list] = {}
    spent = length = 0.0
    for kind, count, snr, samples, tier in conversations(first, seeds):
        control = diarising.Settings(threshold=STATISTICS_AT)
        arms = {
            "encoder, number unknown": (encoder, 0, settings), "encoder, number given": (encoder, count, settings),
            "statistics, number unknown": (LogMelStatistics(), 0, control),
            "statistics, number given": (LogMelStatistics(), count, control),
        }  # fmt: skip
        for name, (by, given, knobs) in arms.items():
            begun = time.perf_counter()
            found = diarising.diarise(samples, by, speakers=given, settings=knobs)
            if by is encoder and not given:
                spent, length = spent + time.perf_counter() - begun, length + len(samples) / diarising.RATE_HZ
            errors = [diarisation_error(tier.segments, found.tier.segments, collar_s=at) for at in (0.0, 0.25)]
            rows.setdefault(name, []).append((kind, snr, count, *(one.rate for one in errors), len(found.names)))
            if name == "encoder, number given":
                one = [Segment(each.start_s, each.end_s, "", "all") for each in found.tier.segments]
                errors = [diarisation_error(tier.segments, one, collar_s=at) for at in (0.0, 0.25)]
                rows.setdefault("one speaker", []).append((kind, snr, count, *(e.rate for e in errors), 1))
    report: dict[str, Any] = {name: _summary(some) for name, some in rows.items()}
    report["real-time factor"] = round(spent / length, 4)
    return report


def _summary(rows: list[tuple]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    groups = {"mixed": [one for one in rows if one[0] == "mixed"], "alike": [one for one in rows if one[0] == "alike"]}
    groups |= {f"SNR {snr} dB" if snr is not None else "no noise": [one for one in groups["mixed"] if one[1] == snr]
               for snr in SNRS}  # fmt: skip
    groups |= {f"{n} speakers": [one for one in groups["mixed"] if one[2] == n] for n in (1, 2, 3, 4)}
    for name, some in groups.items():
        if some:
            found[name] = {
                "DER": round(float(np.mean([one[3] for one in some])), 4),
                "DER, collar 0.25 s": round(float(np.mean([one[4] for one in some])), 4),
                "number right": f"{sum(one[5] == one[2] for one in some)} of {len(some)}",
            }
    return found


def hour(encoder: Any, settings: diarising.Settings, folder: Path) -> dict[str, Any]:
    """An hour of two people, memory-mapped: seconds, and how far memory grew beyond that for its first minutes."""
    part = converse(held_out(TESTING)[:2], Talk(turns=30, snr_db=20.0), TESTING).samples
    path = folder / "hour.npy"
    out = np.lib.format.open_memmap(path, "w+", np.int16, (3600 * diarising.RATE_HZ,))
    for at in range(0, len(out), len(part)):
        out[at : at + len(part)] = part[: len(out) - at]
    out.flush()
    del out
    samples = np.load(path, mmap_mode="r")
    diarising.diarise(samples[: len(part)], encoder, settings=settings)
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    found = diarising.diarise(samples, encoder, settings=settings)
    took = time.perf_counter() - begun
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    path.unlink()
    return {"seconds": round(took, 1), "real-time factor": round(took / 3600, 4), "speakers": len(found.names),
            "memory beyond the first minutes, MB": round(grown, 1), "samples, MB": 115}  # fmt: skip


def main() -> None:
    import tempfile

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoder", type=Path, default=STARTERS / "speaker-encoder")
    parser.add_argument("--tuning", action="store_true")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--hour", action="store_true")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    encoder = load_speaker_encoder(asked.encoder)
    settings = diarising.settings_for(encoder)
    if asked.hour:
        with tempfile.TemporaryDirectory() as folder:
            report = hour(encoder, settings, Path(folder))
    else:
        report = measure(encoder, TUNING if asked.tuning else TESTING, asked.seeds, settings)
    print(json.dumps(report) if asked.json else json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
