"""A trained vocoder at work: a sound made again out of its own frames."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec

from workbench.core.documents import Answer, AnswersDoc
from workbench.core.problem import InputError

from .recipe import BANK


class Resounded(AnswersDoc):
    """Answers about a sound, and the WAV files that were made."""

    sounds: list[str] = msgspec.field(default_factory=list)


def answer(job: Any, folder: Path, inputs: dict[str, Any]) -> Resounded:
    """Make inputs['sound'] (a file, or the sample) again with this vocoder and with Griffin-Lim.

    `out` names a folder for the two sounds. Raises InputError for what is no sound, and for a folder that is none.
    """
    import numpy as np
    import torch

    from workbench.engine.speech import vocoders
    from workbench.engine.speech.listening import asked_wave
    from workbench.engine.speech.resampling import resample

    from .measures import off
    from .show import write_wave

    learned = vocoders.warm_vocoder(job, str(folder), vocoders.analysis_of(folder, field="model"), field="model")
    mel = learned.mel
    asked = str(next((inputs[name] for name in ("sound", "speech") if inputs.get(name)), ""))
    wave, title = asked_wave(asked, BANK.address)
    wave = resample(wave, vocoders.CLONING.sample_rate_hz, mel.sample_rate_hz)
    frames = mel.log_mel(torch.from_numpy(np.ascontiguousarray(wave))[None])[0].numpy()
    found = Resounded([])
    for name, vocoder in (("HiFi-GAN", learned), ("Griffin-Lim", vocoders.GriffinLim(mel))):
        began = time.perf_counter()
        made = vocoder(frames)
        took = time.perf_counter() - began
        path = _out(inputs) / f"{name.lower()}.wav"
        write_wave(path, made, mel.sample_rate_hz)
        distance = off(made, wave, mel.sample_rate_hz)
        scores = [("spectral distance, dB", round(distance.spectral_db, 3)),
                  ("cepstral distance, dB", round(distance.cepstral_db, 3))]  # fmt: skip
        found.answers.append(Answer(name, f"{len(made) / mel.sample_rate_hz:.1f} s in {path.name}", scores=scores,
                                    seconds=took, note=title))  # fmt: skip
        found.sounds.append(str(path))
    return found


def _out(inputs: dict[str, Any]) -> Path:
    from workbench.engine.text.cache import folder

    if not inputs.get("out"):
        return folder("vocoded")
    found = Path(str(inputs["out"]))
    if not found.is_dir():
        raise InputError(
            "Sounds cannot be written there.", expected="a folder that is there", received=str(found),
            fix="Choose another folder.", field="out",
        )  # fmt: skip
    return found
