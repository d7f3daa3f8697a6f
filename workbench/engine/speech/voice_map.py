"""A map of voices: directions on the sphere laid out on a plane so that voices that are alike lie close."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workbench.core.problem import InputError
from workbench.engine.speech.diarising import map_of

Floats = NDArray[np.float32]
NEAR = 3
"""A further voice lies between so many of those that it is most like."""
SHARPNESS = 0.05
"""In cosine: how much nearer the likest of them counts."""
FEWEST = 10
"""Fewer voices than this are shown by the two directions in which they differ most."""


def layout(vectors: Floats) -> Floats:
    """Places (n, 2) from -1 to 1 of unit vectors (n, D): t-SNE by cosine, the same for the same voices.

    Of a voice's five nearest on the sphere 79 % are among its five nearest here (160 voices of the shipped
    synthesiser), where the two principal directions keep 31 %. Van der Maaten and Hinton, 2008.
    """
    if len(vectors) < FEWEST:
        found = map_of(vectors) if len(vectors) > 1 else np.zeros((len(vectors), 2), np.float32)
    else:
        from sklearn.manifold import TSNE

        near = min(15.0, (len(vectors) - 1) / 3)
        found = TSNE(2, metric="cosine", init="pca", perplexity=near, random_state=0).fit_transform(vectors)
    if found.shape[1] < 2:
        found = np.pad(found, ((0, 0), (0, 2 - found.shape[1])))
    # The longer axis lies across, as screens do; the sign of an axis is chance (see map_of).
    found = map_of(found - found.mean(0)) if len(found) > 1 else found
    centred = found - (found.max(0) + found.min(0)) / 2
    scaled: Floats = (centred / max(float(np.abs(centred).max(initial=0.0)), 1e-6)).astype(np.float32)
    return scaled


def placed(vector: Floats, vectors: Floats, places: Floats) -> tuple[float, float]:
    """Where a further voice (D,) lies among those (n, D) that are laid out at places (n, 2): near those it is like."""
    cosines = vectors @ vector
    near = np.argsort(-cosines)[:NEAR]
    weights = np.exp((cosines[near] - cosines[near[0]]) / SHARPNESS)
    x, y = (weights / weights.sum()) @ places[near]
    return float(x), float(y)


def learned_voices(path: Path) -> dict[str, Floats]:
    """Unit vectors by name from a synthesiser's file; raises InputError where it cannot be read."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        found = {name: np.asarray(one, np.float32) for name, one in load_file(path).items()}
        if not found or {one.shape for one in found.values()} != {next(iter(found.values())).shape}:
            raise ValueError("vectors of different lengths, or none")
    except (OSError, ValueError, SafetensorError) as error:
        raise InputError(
            "The synthesiser's voices cannot be read.", expected=f"vectors in {path.name}", received=str(error)[:200],
            fix="Take the model folder of a finished run.", field="model", place=path.parent.name,
        ) from None  # fmt: skip
    return found
