"""Whole-slide images: read by regions, tissue found, tiled, written as pyramids; CLAM's files of features."""

from workbench.engine.medical.slides.opening import open_slide
from workbench.engine.medical.slides.slide import Level, Slide

__all__ = ["Level", "Slide", "open_slide"]
