"""Published SpeechT5 folders in Hugging Face format: loaded safely, asked, and a vocoder beside them."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workbench.core.documents import Answer
from workbench.core.problem import InputError
from workbench.engine import rng
from workbench.engine.backbone_folders import list_weights, read_header
from workbench.engine.devices import Place, choose
from workbench.engine.speech.vocoders import MelAnalysis, warm_vocoder

from . import serve, vectors
from .decoding import DROPOUT_SEED
from .recipe import ASR, SE, ST, TTS, VC
from .show import write_wave

Floats = NDArray[np.float32]

DOES: dict[str, tuple[str, ...]] = {
    "SpeechT5ForSpeechToText": (ASR, ST), "SpeechT5ForTextToSpeech": (TTS,), "SpeechT5ForSpeechToSpeech": (VC, SE),
}  # fmt: skip


@dataclasses.dataclass
class Published:
    """A published network with its processor; `kind` is the class that transformers has for it."""

    model: Any
    processor: Any
    kind: str
    place: Place

    @property
    def tasks(self) -> tuple[str, ...]:
        """What it can be asked to do."""
        return DOES[self.kind]

    @property
    def rate_hz(self) -> int:
        """What it hears."""
        return int(self.processor.feature_extractor.sampling_rate)


def is_published(folder: Path) -> bool:
    """Whether a folder holds a SpeechT5 in Hugging Face format, and not one of ours."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(config, dict) and config.get("model_type") == "speecht5"


def load(folder: Path, place: Place) -> Published:
    """A published network at inference; raises InputError, on `checkpoint`, for what is none or is damaged."""
    import transformers

    kind = _kind_of(folder)
    for path in list_weights(folder):
        if path.suffix == ".safetensors":
            read_header(path)
    try:
        # Weights that would have to be unpickled are refused by weights_only; code in the folder is never run.
        model = getattr(transformers, kind).from_pretrained(folder, local_files_only=True, weights_only=True)
        processor = transformers.SpeechT5Processor.from_pretrained(folder, local_files_only=True)
    except Exception as error:
        raise _unfit(folder, f"{type(error).__name__}: {error}"[:200]) from None
    return Published(model.to(place.device).eval(), processor, kind, place)


def _kind_of(folder: Path) -> str:
    if not is_published(folder):
        raise _unfit(folder, "no config.json of a SpeechT5")
    kinds = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("architectures") or []
    found = next((one for one in kinds if one in DOES), "")
    if not found:
        raise _unfit(folder, f"architectures {', '.join(map(str, kinds)) or 'unnamed'}")
    return found


def _unfit(folder: Path, received: str) -> InputError:
    return InputError(
        "This is no SpeechT5 that can be loaded.",
        expected="config.json of one of " + ", ".join(DOES) + ", weights, spm_char.model and its processor",
        received=received, fix="Choose the folder as it was published, or as save_pretrained writes it.",
        field="checkpoint", place=folder.name,
    )  # fmt: skip


# At work ------------------------------------------------------------------------------------


@torch.no_grad()
def transcribe(tool: Published, wave: Floats, *, beam: int = 5, longest: int = 450) -> str:
    """The text (ASR) or translation (ST) of samples (n,) at 16 kHz."""
    inputs = tool.processor(audio=wave, sampling_rate=tool.rate_hz, return_tensors="pt").to(tool.place.device)
    most = min(longest, int(tool.model.config.max_text_positions) - 2)
    with tool.place.autocast():
        ids = tool.model.generate(**inputs, num_beams=beam, max_new_tokens=most)
    return str(tool.processor.batch_decode(ids, skip_special_tokens=True)[0]).strip()


@torch.no_grad()
def speak(
    tool: Published, given: str | Floats, vector: Floats | None, *, threshold: float = 0.5, ratio: float = 20.0
) -> Floats:  # fmt: skip
    """Log10-mel frames (T, bins) of a text, or of samples (n,) in another voice; `vector` (D,), zeros where None."""
    if isinstance(given, str):
        inputs = tool.processor(text=given, return_tensors="pt")
        first = inputs["input_ids"]
    else:
        inputs = tool.processor(audio=given, sampling_rate=tool.rate_hz, return_tensors="pt")
        first = inputs["input_values"]
    with rng.aside():
        # The decoder's pre-net drops out while it speaks: the same way each time.
        rng.seed(DROPOUT_SEED)
        with tool.place.autocast():
            mel = tool.model.generate_speech(
                first.to(tool.place.device), speaker_embeddings=embedding(tool, vector), threshold=threshold,
                maxlenratio=ratio,
            )  # fmt: skip
    found: Floats = mel.float().cpu().numpy()
    return found


def embedding(tool: Published, vector: Floats | None) -> Tensor:
    """A voice's vector (1, D) as wide as the network's; one of another width is cut or filled with zeros."""
    width = int(tool.model.config.speaker_embedding_dim)
    found = torch.zeros(1, width)
    if vector is not None:
        kept = vector[:width]
        found[0, : len(kept)] = torch.from_numpy(np.ascontiguousarray(kept, np.float32))
    return found.to(tool.place.device)


def analysis_of(tool: Published) -> MelAnalysis:
    """The frames that a published network makes, as its feature extractor has them."""
    heard = tool.processor.feature_extractor
    return MelAnalysis(
        int(heard.sampling_rate), int(heard.num_mel_bins), int(heard.sample_size), int(heard.sample_stride),
        float(heard.fmin), float(heard.fmax), "log10", "slaney",
    )  # fmt: skip


def answer(job: Any, folder: Path, inputs: dict[str, Any], asked: str) -> serve.Worked:
    """What a published network makes of inputs['sound'] or inputs['text']; see serve.answer."""
    tool = _warm(job, folder)
    if asked and asked not in tool.tasks:
        raise InputError("This model has not learned that.", expected=", ".join(tool.tasks), received=asked,
                         fix="Choose the checkpoint of this task.", field="task")  # fmt: skip
    began = time.perf_counter()
    name = f"{asked or tool.tasks[0]}, {folder.name}"
    if tool.kind == "SpeechT5ForSpeechToText":
        wave, title = serve.wave_of(inputs)
        text = transcribe(tool, wave, beam=int(inputs.get("beam") or 5))
        return serve.Worked([Answer(name, text or "(nothing)", seconds=time.perf_counter() - began, note=title)])
    given: str | Floats
    if tool.kind == "SpeechT5ForTextToSpeech":
        given = title = str(inputs.get("text") or "the old man saw a yellow boat yesterday")
    else:
        given, title = serve.wave_of(inputs)
    vector, said = _voice(inputs, folder, int(tool.model.config.speaker_embedding_dim))
    mel = speak(tool, given, vector)
    vocoder = warm_vocoder(job, str(inputs.get("vocoder") or ""), analysis_of(tool))
    path = serve.out_path(job, inputs, f"{tool.tasks[0].lower()}.wav")
    wave = vocoder(mel)
    write_wave(path, wave)
    note = f"{title}; {said}; {vocoder.name}"
    headline = f"{len(wave) / tool.rate_hz:.1f} s of speech in {path.name}"
    return serve.Worked([Answer(name, headline, seconds=time.perf_counter() - began, note=note)], [str(path)])


def _voice(inputs: dict[str, Any], folder: Path, width: int) -> tuple[Floats | None, str]:
    """The vector of inputs['voice']: an x-vector's .npy, or a sound that a speaker encoder hears.

    The encoder is the one that the model was fine-tuned with, or the folder inputs['encoder'], whose vectors must then
    be as wide as the network's own.
    """
    path = Path(str(inputs.get("voice") or ""))
    if not inputs.get("voice"):
        return None, "no voice was named, so its vector is zero"
    if path.suffix == ".npy":
        return vectors.read_vector(path, "voice"), f"voice of {path.stem}"
    tell = vectors.kept(folder)
    if not isinstance(tell, vectors.Encoded):
        if not inputs.get("encoder"):
            raise InputError(
                "This checkpoint knows voices by x-vectors alone.", expected="a .npy, or a sound and a speaker encoder",
                received=path.name, fix="Name the folder of an x-vector model as the encoder.", field="voice",
                place=path.name,
            )  # fmt: skip
        tell = vectors.Encoded(vectors.encoder_at(str(inputs["encoder"])))
        if tell.width != width:
            raise InputError(
                "This speaker encoder does not fit the network.", expected=f"vectors of {width} numbers",
                received=str(tell.width), fix="Choose the encoder that it was trained with, or fine-tune it with this "
                "one first.", field="encoder",
            )  # fmt: skip
    wave, title = serve.wave_of({"sound": inputs["voice"]})
    return tell(wave[:0], lambda: wave, {}), f"voice of {title}"


def _warm(job: Any, folder: Path) -> Published:
    stamp = (folder / "config.json").stat().st_mtime_ns
    key = ("speecht5, published", str(folder), stamp, job.device)
    if key not in job.cache:
        job.cache[key] = load(folder, choose(job.device, job.precision))
    tool: Published = job.cache[key]
    return tool
