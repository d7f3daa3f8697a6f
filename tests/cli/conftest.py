"""A terminal that remembers what was printed, over a real worker."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.plugins.fixtures import runner, trials
from workbench.cli.main import main

__all__ = ["runner", "trials"]


@dataclass(frozen=True)
class Said:
    """What one command printed, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Standard output as JSON lines; fails when anything else stands there."""
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def workbench(capfd: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run a command in this process."""

    def run(*words: str) -> Said:
        capfd.readouterr()
        status = main(list(words))
        out, err = capfd.readouterr()
        return Said(status, out, err)

    return run
