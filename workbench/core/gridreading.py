"""What reading a radiance grid with a trained model is answered by."""

from __future__ import annotations

from workbench.core.documents import AnswersDoc
from workbench.core.scenes import BoxesDoc, RadianceMeta


class GridReading(AnswersDoc):
    """Boxes and labels of one grid: boxes in the frame that `meta` tells.

    `grid` is the file (X, Y, Z, 4) float32 with alpha that was read, `labels` the file (X, Y, Z) uint8 of each voxel's
    place in `names`, empty where the model has not learned labels.
    """

    grid: str
    meta: RadianceMeta
    boxes: BoxesDoc
    labels: str = ""
    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
