"""Which model folders transcribe, told from their cards and configurations without loading anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import workbench
from workbench.core.modelcards import CARD, CONFIG, read_object
from workbench.core.transcripts import Family, RecogniserFacts

SHIPPED = Path(workbench.__file__).resolve().parents[1] / "resources" / "backbones" / "speech-recogniser"
SHIPPED_NAME = "starter:speech-recogniser"
OWN = ("recogniser.json", "recogniser.safetensors")
"""What a recogniser of the workbench is kept in (engine/speech/recogniser.py)."""
WRITES: dict[str, Family] = {"whisper": "whisper", "speecht5": "speecht5"}
EXPECTED = "a run or model of the recipe ctc-recogniser, or a wav2vec 2.0, HuBERT, Whisper or SpeechT5 folder"


def facts_of(folder: Path) -> RecogniserFacts | None:
    """What transcribes in a folder; None where nothing does."""
    if all((folder / name).is_file() for name in OWN):
        told = read_object(folder / CARD).get("config", {})
        run = folder.parent.name if folder.name == "model" else folder.name
        title = "Shipped recogniser" if folder == SHIPPED else str(told.get("title") or "Trained recogniser")
        note = "trained on synthetic speech only" if folder == SHIPPED else ""
        return RecogniserFacts(str(folder), title if folder == SHIPPED else f"{title}  ·  {run}", "recogniser", note)
    family = family_of(read_object(folder / CONFIG))
    return RecogniserFacts(str(folder), folder.name, family) if family else None


def family_of(config: dict[str, Any]) -> Family | None:
    """How a model of this Hugging Face configuration transcribes; None where it does not."""
    named = config.get("architectures")
    kinds = [str(one) for one in named] if isinstance(named, list) else []
    if any(one.endswith("ForCTC") for one in kinds):
        return "ctc"
    kind = str(config.get("model_type", ""))
    wanted = {"whisper": "WhisperForConditionalGeneration", "speecht5": "SpeechT5ForSpeechToText"}.get(kind)
    return WRITES[kind] if wanted and (wanted in kinds or (kind == "whisper" and not kinds)) else None
