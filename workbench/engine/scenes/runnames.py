"""What files of a run, and of the radiance field that it has kept, are called."""

from __future__ import annotations

from pathlib import Path

RUN, EVENTS, ARTIFACTS, MODEL = "run.json", "events.jsonl", "artifacts", "model"
FIELD_FACTS, FIELD_GRID = "field.json", "grid.npz"


def is_run(path: Path) -> bool:
    """Whether this is a run's folder, one of its artifacts, or the model folder of a radiance field."""
    if path.is_dir():
        return (path / RUN).is_file() or (path / FIELD_FACTS).is_file()
    return path.parent.name == ARTIFACTS and (path.parent.parent / RUN).is_file()
