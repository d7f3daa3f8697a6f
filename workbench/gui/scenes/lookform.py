"""The form of how a thing is drawn: one for each kind, made in pieces that nobody feels, and kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from workbench.core.scenes import Node
from workbench.gui.scenes import looks
from workbench.gui.scenes.kindform import KindForm


class LookForm(QWidget):
    """`changed` carries a setting's name and its new value."""

    changed = Signal(str, object)

    def __init__(self) -> None:
        super().__init__()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._forms: dict[str, KindForm] = {}
        self._node: Node | None = None
        self._ahead: list[str] = []
        self._piece = QTimer(self)
        self._piece.setInterval(0)
        self._piece.timeout.connect(self._go_on)

    @property
    def fields(self) -> dict[str, QWidget]:
        """The fields of what is shown, by setting; none before they are made."""
        form = self._forms.get(self._node.kind) if self._node is not None else None
        return form.fields if form is not None and form.ready else {}

    def show_node(self, node: Node | None) -> None:
        """Another node, or the same after a change; where its form is not made yet, as soon as it is."""
        self._node = node if node is not None and node.kind in looks.KINDS else None
        self._show()
        if self._node is not None and not self._form(self._node.kind).ready:
            self._piece.start()

    def prepare(self, kinds: Iterable[str]) -> None:
        """Make the forms of these kinds while nothing else is to be done."""
        self._ahead = [*self._ahead, *kinds]
        self._piece.start()

    def _form(self, kind: str) -> KindForm:
        if kind not in self._forms:
            self._forms[kind] = made = KindForm(kind, self)
            made.changed.connect(self.changed)
            self._column.addWidget(made)
        return self._forms[kind]

    def _go_on(self) -> None:
        """A piece of the form that is waited for, or of one that may be."""
        wanted = [self._node.kind] if self._node is not None else []
        form = next((one for one in map(self._form, [*wanted, *self._ahead]) if not one.ready), None)
        if form is None:
            self._ahead = []
            self._piece.stop()
        elif not form.go_on():
            self._show()

    def _show(self) -> None:
        node = self._node
        for kind, form in self._forms.items():
            form.setVisible(form.ready and node is not None and kind == node.kind)
        form_now = self._forms.get(node.kind) if node is not None else None
        if node is not None and form_now is not None and form_now.ready:
            form_now.show_node(node, looks.look_of(node))


def with_setting(node: Node, field: str, value: Any) -> Node:
    """The node with one setting of its look changed; unchanged where its look has no such setting."""
    look = looks.look_of(node)
    if look is None or field not in look.__struct_fields__:
        return node
    plain = msgspec.to_builtins(look) | {field: value}
    return looks.with_look(node, msgspec.convert(plain, type(look)))
