"""An action of the window as it is declared: its id, name, explanation and delivered key."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Place:
    """Where an action is at hand; inside an `inner` place its keys go before those of the page around it."""

    title: str
    help: str
    inner: bool = False


@dataclasses.dataclass(frozen=True)
class Command:
    """An action: its id is '<place>.<name>' and never changes, since people's own keys are kept under it."""

    id: str
    text: str
    tip: str
    key: str = ""
    """Delivered keys in Qt's portable spelling; several are separated by '; '."""
    picture: str = ""

    @property
    def place(self) -> str:
        """The id of the place where the action is at hand."""
        return self.id.rpartition(".")[0]
