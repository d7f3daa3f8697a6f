"""Views: one per artifact kind, chosen by the kind's name; heavy ones are imported on first use."""

from __future__ import annotations

import importlib

from workbench.gui.views.base import View

_VIEWS = {
    "curve": "curve:CurveView",
    "table": "table:TableView",
    "text": "text:TextView",
    "spans": "spans:SpansView",
    "confusion": "confusion:ConfusionView",
    "embedding": "embedding:EmbeddingView",
    "attention": "attention:AttentionView",
    "image": "image:ImageView",
    "image-grid": "image:ImageView",
    "volume": "volume:VolumeView",
    "labels": "volume:LabelsView",
    "slide": "slide:SlideView",
    "audio": "audio:AudioView",
    "tiers": "audio:TiersView",
    "clips": "clipsview:ClipsView",
    "clip": "clip:ClipView",
    "points": "scene:PointsView",
    "mesh": "scene:MeshView",
    "radiance-grid": "scene:RadianceView",
    "boxes": "scene:BoxesView",
    "cameras": "scene:CamerasView",
}


def drawable(kind: str) -> bool:
    """Whether there is a view for artifacts of this kind."""
    return kind in _VIEWS


def make_view(kind: str) -> View:
    """A new view for artifacts of this kind; raises KeyError where `drawable` says no."""
    module, _, name = _VIEWS[kind].partition(":")
    view: View = getattr(importlib.import_module(f"{__name__}.{module}"), name)()
    view.setProperty("help", f"view:{kind}")
    return view


__all__ = ["View", "drawable", "make_view"]
