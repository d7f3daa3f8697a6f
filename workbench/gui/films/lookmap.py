"""Where a model looked as a map over a whole frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workbench.core.recognising import Saliency

HIGH = 72


def whole_frame(found: Saliency, aspect: float) -> NDArray[np.float32]:
    """A map (72, w) from 0 to 1 over a frame `aspect` times as wide as high; 0 where the model's crop does not reach.

    Between the middles of patches values go over into each other.
    """
    wide = max(round(HIGH * aspect), 1)
    grid = np.array(found.values, np.float32).reshape(found.rows, found.columns)
    left, top, right, bottom = found.box
    x = ((np.arange(wide) + 0.5) / wide - left) / max(right - left, 1e-6)
    y = ((np.arange(HIGH) + 0.5) / HIGH - top) / max(bottom - top, 1e-6)
    columns, rows = x * found.columns - 0.5, y * found.rows - 0.5
    across = np.stack([np.interp(columns, np.arange(found.columns), row) for row in grid])
    whole = np.stack([np.interp(rows, np.arange(found.rows), column) for column in across.T], 1)
    outside = (y < 0)[:, None] | (y > 1)[:, None] | (x < 0)[None] | (x > 1)[None]
    return np.where(outside, 0.0, whole).astype(np.float32)
