"""Where labels are corrected: takes the place of the views until it is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal

from workbench.gui.buttons import tool_button
from workbench.gui.card import Card
from workbench.gui.link import Link
from workbench.store.runfolder import RunConfig

if TYPE_CHECKING:
    from workbench.gui.labelling import Labelling


class LabelPlace(Card):
    """The labelling of one slot's data; made when it is first asked for."""

    retrain = Signal(str)
    closed = Signal()

    def __init__(self, link: Link) -> None:
        super().__init__("Labels")
        self.link = link
        self.labelling: Labelling | None = None
        self._wanted = ""
        self.header.addWidget(tool_button("mdi6.close", "Back to the views; edits are kept", self.closed.emit))

    def begin(self, config: RunConfig, slot: str, *, text: str = "") -> None:
        """Load all examples of a slot and choose the one with this text."""
        if self.labelling is None:
            from workbench.gui.labelling import Labelling

            self.labelling = Labelling(self.link)
            self.labelling.retrain.connect(self.retrain)
            self.labelling.captioned.connect(self.set_caption)
            self.labelling.loader.done.connect(lambda *_: self._find())
            self.set_body(self.labelling, margin=8)
        self._wanted = text
        self.labelling.load(config.inputs.get(slot, ""), recipe=config.recipe, params=config.params, slot=slot)

    def save_now(self) -> None:
        """Put edits on disk before the window goes."""
        if self.labelling is not None:
            self.labelling.save_now()

    def _find(self) -> None:
        texts = self.labelling.draft.texts if self.labelling is not None else []
        if self.labelling is not None and self._wanted in texts:
            self.labelling.select(texts.index(self._wanted))
