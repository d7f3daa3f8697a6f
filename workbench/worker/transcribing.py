"""What a window may ask for words: a sound through a recogniser, and transcripts as files."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from workbench.core.problem import InputError
from workbench.core.transcripts import SUFFIX, Format, TranscribingWish, Transcript, joined, tier_for, tiers_of
from workbench.worker.child import place, share_cores
from workbench.worker.questions import as_asked

if TYPE_CHECKING:
    from workbench.engine.speech.recognisers import Emitter, Writer
    from workbench.worker.interactive import ApplyContext

T = TypeVar("T", bound=msgspec.Struct)
HIGHEST_BEAM = 256


class TranscriptExport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A transcript to be written in several formats; their files are called `out` with an ending each."""

    transcript: Transcript
    out: str
    formats: list[Format]
    title: str = ""


def _transcribe(arguments: dict[str, Any], context: ApplyContext) -> Transcript:
    """As far as the budget goes; see core/transcripts.py."""
    from workbench.engine.speech.transcribing import transcribe
    from workbench.worker.speech import read_whole

    asked = as_asked(arguments, TranscribingWish)
    if not 1 <= asked.beam <= HIGHEST_BEAM:
        raise InputError("This beam cannot be.", expected=f"1 (greedy) to {HIGHEST_BEAM} prefixes",
                         received=str(asked.beam), fix="Choose another width.", field="beam")  # fmt: skip
    sound = read_whole(asked.path, context)
    model = _model(Path(asked.model), asked.device, context)
    until = time.monotonic() + asked.budget_s if asked.budget_s else float("inf")
    end_s = min(asked.end_s or sound.meta.duration_s, sound.meta.duration_s)
    name = Path(asked.model).parent.name if Path(asked.model).name == "model" else Path(asked.model).name

    def told(reached_s: float) -> None:
        context.progress(round(1000 * reached_s), max(round(1000 * end_s), 1), f"{reached_s:.0f} of {end_s:.0f} s")

    parts: list[Transcript] = []
    told(asked.start_s)
    for part in transcribe(sound, model, start_s=asked.start_s, end_s=asked.end_s, beam=asked.beam, told=told):
        parts.append(msgspec.structs.replace(part, model=name))
        if part.complete or time.monotonic() >= until:
            break
        words = f"{part.reached_s:.0f} of {end_s:.0f} s"
        context.partial(joined(parts), round(1000 * part.reached_s), round(1000 * end_s), words)
    return joined(parts)


def _model(folder: Path, device: str, context: ApplyContext) -> Emitter | Writer:
    """The model, warm from the second question on, as long as its files stay as they are."""
    from workbench.engine.speech.recognisers import load

    where = place(device, context.device)
    stamp = max((file.stat().st_mtime_ns for file in folder.glob("*.*") if file.is_file()), default=0)
    key = ("recogniser", str(folder), stamp, where)
    found: Emitter | Writer | None = context.cache.get(key)
    if found is None:
        context.log(f"Loading {folder}")
        found = load(folder, where)
        context.cache[key] = found
    share_cores("interactive")
    return found


def _export(arguments: dict[str, Any], context: ApplyContext) -> list[str]:
    from workbench.engine.speech.tiers import export_tiers

    asked = as_asked(arguments, TranscriptExport)
    doc = tiers_of(asked.transcript, title=asked.title)
    return [
        str(export_tiers(doc, Path(asked.out + SUFFIX.get(form, f".{form}")), form, tier_for(form)))
        for form in asked.formats
    ]


INSPECTORS: Mapping[str, Callable[[dict[str, Any], ApplyContext], Any]] = {
    "transcribe": _transcribe, "transcript-export": _export,
}  # fmt: skip
