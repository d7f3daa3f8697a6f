"""A picture encoder of this program's own that has learned shapes and colours from stills, and nothing of motion.

It is what the claim stands on: a vision transformer of four blocks, trained to tell 36 kinds of still (shape and
colour) and nothing else, so that its class token has no reason to keep where a thing is. Made once and kept below the
home.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from workbench.core.job import Job
from workbench.core.words import spaced
from workbench.engine import rng
from workbench.engine.text import cache
from workbench.engine.video import imagelanguage, motions
from workbench.engine.video.sprites import COLOURS, SHAPES

VERSION = 1
SEED = 777
"""Of the stills and of the first weights; stills share nothing with clips, whatever their seed."""
EPOCHS, BATCH, RATE, DECAY, WARMUP = 14, 64, 1.5e-3, 0.05, 0.3


def classifier(job: Job, stills: int) -> Path:
    """The folder of the encoder, trained on so many stills; made where it is not there yet (about 45 s of one core)."""
    folder = cache.folder("still-classifiers") / f"v{VERSION}-{stills}"
    if not (folder / imagelanguage.CARD).is_file():
        job.phase("teaching the encoder shapes and colours")
        with rng.aside():
            model, accuracy = trained(job, stills)
        job.log(f"The encoder tells {accuracy:.0%} of fresh stills by shape and colour, after {spaced(stills)} stills.")
        scratch = Path(tempfile.mkdtemp(dir=folder.parent))
        imagelanguage.save(model, scratch / "made")
        try:
            (scratch / "made").replace(folder)
        except OSError:  # another run has just put its own there, which is the same
            if not (folder / imagelanguage.CARD).is_file():
                raise
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return folder


def trained(job: Job, stills: int) -> tuple[imagelanguage.ImageLanguage, float]:
    """The encoder, and how many fresh stills it tells right."""
    torch.manual_seed(SEED)
    model = imagelanguage.build(seed=SEED)
    head = nn.Linear(model.dim, len(SHAPES) * len(COLOURS))
    seen, fresh = motions.stills(stills, SEED), motions.stills(600, SEED + 1)
    kinds, wanted = (torch.from_numpy(one.shape * len(COLOURS) + one.colour) for one in (seen, fresh))
    learning = [*model.vision.parameters(), *model.projection.parameters(), *head.parameters()]
    per_epoch = -(-stills // BATCH)
    optimizer = torch.optim.AdamW(learning, lr=RATE, weight_decay=DECAY, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=EPOCHS * per_epoch, pct_start=WARMUP)
    pictures = torch.from_numpy(seen.images)
    for epoch in range(EPOCHS):
        for at, places in enumerate(torch.split(torch.randperm(stills), BATCH)):
            job.progress(epoch * per_epoch + at, EPOCHS * per_epoch)
            loss = F.cross_entropy(head(model.pooled(model.prepared(pictures[places]))), kinds[places])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    with torch.no_grad():
        said = head(model.eval().pooled(model.prepared(fresh.images))).argmax(1)
    return model, float((said == wanted).float().mean())
