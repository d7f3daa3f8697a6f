"""A trained network at work, or a published one: what a sound says, a text as speech, another's voice."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from workbench.core.documents import Answer, AnswersDoc
from workbench.core.problem import InputError

from .recipe import ASR, BANK, SE, SID, ST, TASKS, TTS, VC

LONGEST_TEXT = 200


class Worked(AnswersDoc):
    """Answers, and the WAV files of those that are spoken."""

    sounds: list[str] = msgspec.field(default_factory=list)


@dataclasses.dataclass
class Tool:
    """The networks of a run by task, and what they need to know."""

    models: dict[str, Any]
    card: dict[str, Any]
    scale: Any
    params: Any
    place: Any
    tell: Any


def answer(job: Any, folder: Path, inputs: dict[str, Any]) -> Worked:
    """Do what the model has learned with inputs['sound'] (a file, or the sample) and inputs['text'].

    `task` asks for one of the six alone; `voice` is a sound whose voice is spoken with; `out` names a folder for
    spoken answers, and `vocoder` is Griffin-Lim or a SpeechT5HifiGan folder. For published networks `voice` may be
    an x-vector's .npy, and `encoder` names a speaker encoder's folder that hears the sound. Raises InputError for
    what is no sound, for a task that the model has not learned, for a vocoder that does not fit, and for text that
    is too long.
    """
    asked = str(inputs.get("task") or "")
    if asked and asked not in TASKS:
        raise InputError("There is no such task.", expected=", ".join(TASKS), received=asked, field="task",
                         fix="Ask for one of these, or leave it out.")  # fmt: skip
    from . import published

    if published.is_published(folder):
        found: Worked = published.answer(job, folder, inputs, asked)
        return found
    tool = _warm(job, folder)
    tasks = [one for one in tool.models if asked in ("", one)]
    if not tasks:
        raise InputError("This model has not learned that.", expected=", ".join(tool.models), received=asked,
                         fix="Train it with this task.", field="task")  # fmt: skip
    told = Worked([])
    for task in tasks:
        _do(told, job, tool, task, inputs)
    return told


def _do(told: Worked, job: Any, tool: Tool, task: str, inputs: dict[str, Any]) -> None:
    from workbench.engine.speech.listening import levelled

    from . import doing
    from .data import Item, cut, framed, mean_vector

    began = time.perf_counter()
    multiple = tool.models[task].shape.step_frames
    text, title, heard, vector = "", "", None, None
    wave: Any = None
    if task == TTS:
        text = title = text_of(inputs)
    else:
        wave, title = wave_of(inputs)
        heard = cut(tool.scale(framed(levelled(wave), len(tool.scale.mean))), multiple)
    if task in (TTS, VC, SE):
        own = voice_of(inputs)
        if own is not None:
            vector = tool.tell(tool.scale(framed(levelled(own), len(tool.scale.mean))), lambda: own, {})
        elif task == SE and heard is not None:
            vector = tool.tell(heard, lambda: wave, {})
        else:
            known = tool.card["voices"]
            vector = mean_vector([np.array(one, np.float32) for one in list(known.values())[:1]])
    said = heard if heard is not None else np.zeros((multiple, len(tool.scale.mean)), np.float32)
    item = Item(title, "", ("",), heard, text, said, "", 0, vector)
    done = doing.told(tool.models[task], task, item, tool.params, place=tool.place)
    took = time.perf_counter() - began
    if task in (ASR, ST):
        told.answers.append(Answer(f"{task}, SpeechT5", done.texts[0] or "(nothing)", seconds=took, note=title))
    elif task == SID:
        ranked = [(tool.card["speakers"][at], round(score, 4)) for at, score in done.ranked]
        told.answers.append(Answer("SID, SpeechT5", ranked[0][0], scores=ranked, seconds=took, note=title))
    else:
        path = out_path(job, inputs, f"{task.lower()}.wav")
        from workbench.engine.speech.vocoders import warm_vocoder

        from .show import how, write_wave

        speech = done.speech[0]
        vocoder = warm_vocoder(job, str(inputs.get("vocoder") or ""), **how(len(tool.scale.mean)))
        write_wave(path, vocoder(tool.scale.undo(speech.mel)))
        told.sounds.append(str(path))
        seconds = len(speech.mel) * 0.020
        headline = f"{seconds:.1f} s of speech in {path.name}"
        note = f"{title}; {vocoder.name}"
        told.answers.append(Answer(f"{task}, SpeechT5", headline, seconds=took, note=note))


def text_of(inputs: dict[str, Any]) -> str:
    """The text to be spoken."""
    from . import words

    text = words.plain(str(inputs.get("text") or "the old man saw a yellow boat yesterday"))
    if not text or len(text) > LONGEST_TEXT:
        raise InputError(
            "This text cannot be spoken at once.", expected=f"1 to {LONGEST_TEXT} letters",
            received=f"{len(text)} letters", fix="Give one sentence at a time.", field="text",
        )  # fmt: skip
    return text


def wave_of(inputs: dict[str, Any]) -> tuple[Any, str]:
    """Samples (n,) at 16 kHz of what is to be heard, and a title."""
    asked = str(next((inputs[name] for name in ("sound", "tasks", "speech") if inputs.get(name)), ""))
    from workbench.engine.speech.listening import asked_wave

    return asked_wave(asked, BANK.address)


def voice_of(inputs: dict[str, Any]) -> Any:
    """Samples (n,) of the voice to speak with; None where none is named."""
    if not inputs.get("voice"):
        return None
    wave, _ = wave_of({"sound": inputs["voice"]})
    return wave


def out_path(job: Any, inputs: dict[str, Any], name: str) -> Path:
    """Where a spoken answer is written: the folder `out`, or the home's cache."""
    from workbench.engine.text.cache import folder

    if not inputs.get("out"):
        return folder("speecht5-answers") / name
    found = Path(str(inputs["out"]))
    if not found.is_dir():
        raise InputError(
            "Sounds cannot be written there.", expected="a folder that is there", received=str(found),
            fix="Choose another folder.", field="out",
        )  # fmt: skip
    return found / name


def _warm(job: Any, folder: Path) -> Tool:
    card = folder / "workbench.json"
    key = ("speecht5", str(folder), card.stat().st_mtime_ns, job.device)
    if key not in job.cache:
        job.cache[key] = _load(folder, json.loads(card.read_text(encoding="utf-8")), job)
    tool: Tool = job.cache[key]
    return tool


def _load(folder: Path, card: dict[str, Any], job: Any) -> Tool:
    from workbench.engine.devices import choose
    from workbench.engine.published import read_tensors

    from . import vectors
    from .data import Scale
    from .networks import Shape, Unified
    from .recipe import SpeechT5

    place = choose(job.device, job.precision)
    models = {}
    for task in card["tasks"]:
        model = Unified(Shape(**card["shape"]))
        model.load_state_dict(read_tensors(folder / f"{task.lower()}.safetensors"))
        models[task] = model.to(place.device).eval()
    scale = Scale(np.array(card["mean"], np.float32), np.array(card["deviation"], np.float32))
    return Tool(models, card, scale, SpeechT5(**card["decoding"]), place, vectors.kept(folder))
