"""A model stays loaded until its card changes."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from workbench.engine.warm import CARD, key_of, warm


def test_that_a_model_is_loaded_once_until_its_card_changes(tmp_path: Path) -> None:
    job: Any = SimpleNamespace(cache={}, device="cpu")
    loads: list[dict[str, Any]] = []

    def load(card: dict[str, Any]) -> list[int]:
        loads.append(card)
        return [card["number"]]

    (tmp_path / CARD).write_text('{"number": 1}')
    first = warm(job, "recipe", tmp_path, load)
    assert warm(job, "recipe", tmp_path, load) is first
    assert warm(job, "another recipe", tmp_path, load) is not first
    (tmp_path / CARD).write_text('{"number": 2}')
    os.utime(tmp_path / CARD, ns=(0, 1))
    assert warm(job, "recipe", tmp_path, load) == [2]
    job.device = "cuda"
    warm(job, "recipe", tmp_path, load)
    assert [one["number"] for one in loads] == [1, 1, 2, 2]


def test_that_nothing_is_kept_where_loading_fails(tmp_path: Path) -> None:
    job: Any = SimpleNamespace(cache={}, device="cpu")
    (tmp_path / CARD).write_text("{}")
    with pytest.raises(KeyError):
        warm(job, "recipe", tmp_path, lambda card: card["missing"])
    assert key_of(job, "recipe", tmp_path) not in job.cache
