"""What is asked of the two encoders: naming by words, finding each other, and a linear probe."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.nn import functional

from workbench.engine.devices import Place
from workbench.engine.video.imagelanguage import ImageLanguage as Network

from .data import Pairs

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
TOGETHER = 256


@torch.no_grad()
def seen(network: Network, images: NDArray[np.uint8], place: Place) -> tuple[Floats, Floats]:
    """Unit vectors in the shared space (N, D), and the encoder's features before the projection (N, C)."""
    network.eval()
    vectors, features = [], []
    for at in range(0, len(images), TOGETHER):
        pixels = network.prepared(images[at : at + TOGETHER])
        with place.autocast():
            last = network.hidden(pixels)[-1]
            vectors.append(functional.normalize(network.pooled(last).float(), dim=-1).cpu())
            features.append(last[:, 0].float().cpu())
    return torch.cat(vectors).numpy(), torch.cat(features).numpy()


@torch.no_grad()
def read(network: Network, texts: Sequence[str]) -> Floats:
    """Unit vectors of texts (K, D)."""
    network.eval()
    found: Floats = functional.normalize(network.text(texts).float(), dim=-1).cpu().numpy()
    return found


def recall_at(pictures: Floats, texts: Floats, belongs: NDArray[np.bool_], most: int) -> tuple[float, float]:
    """R@`most` from pictures (N, D) to texts (K, D) and back; `belongs` (N, K) says what counts as found."""
    close = pictures @ texts.T
    found = []
    for likeness, right in ((close, belongs), (close.T, belongs.T)):
        nearest = np.argsort(-likeness, axis=1, kind="stable")[:, :most]
        asked = np.asarray(right.any(1))  # a text that belongs to none of these pictures cannot be found
        hit = np.asarray(np.take_along_axis(right, nearest, 1).any(1))
        found.append(float(hit[asked].mean()))
    return found[0], found[1]


def belonging(pairs: Pairs) -> tuple[list[str], NDArray[np.bool_]]:
    """All captions of the pairs, each once, and which picture has which (N, K)."""
    texts = list(dict.fromkeys(one for captions in pairs.captions for one in captions))
    places = {one: at for at, one in enumerate(texts)}
    belongs = np.zeros((len(pairs), len(texts)), bool)
    for at, captions in enumerate(pairs.captions):
        belongs[at, [places[one] for one in captions]] = True
    return texts, belongs


def probed(features: Floats, classes: Ints, tested: Floats) -> Ints:
    """The classes that logistic regression on labelled features gives to others; every arm has the same penalty."""
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=2000))
    found: Ints = probe.fit(features, classes).predict(tested)
    return found
