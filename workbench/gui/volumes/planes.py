"""Which way round a slice is shown; it stands in the reports' package, since they show planes without a window."""

from workbench.report.planes import (
    NAMES,
    Name,
    Plane,
    Voxel,
    in_words,
    letters_of,
    planes_of,
    position_mm,
    spacing_zyx_mm,
)

__all__ = ["NAMES", "Name", "Plane", "Voxel", "in_words", "letters_of", "planes_of", "position_mm", "spacing_zyx_mm"]
