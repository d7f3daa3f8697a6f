"""The configuration and the card of a model's folder, read leniently: what is no model is passed by, or named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CARD, CONFIG = "workbench.json", "config.json"


def read_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where there is none, or something else."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def what_is_in(folder: Path) -> str:
    """What a folder holds instead of the model that was looked for, in words."""
    about = read_object(folder / CONFIG)
    if about:
        kinds = ", ".join(map(str, about.get("architectures") or ())) or "no architecture"
        return f"{about.get('model_type', 'an unknown model')} ({kinds})"
    card = read_object(folder / CARD) or read_object(folder / "model" / CARD)
    if card:
        config = card.get("config")
        return f"a model of the recipe {config.get('recipe', '?') if isinstance(config, dict) else '?'}"
    return "a folder without config.json or a model's card"
