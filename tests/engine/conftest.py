"""What the engine's tests share: real jobs on real run folders, and a tiny backbone on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from workbench.core import events as ev
from workbench.store.runfolder import RunConfig, RunFolder, create_run
from workbench.worker.job import Control, RunningJob

MakeJob = Callable[..., RunningJob]


@pytest.fixture
def make_job(tmp_path: Path) -> Iterator[MakeJob]:
    """Jobs over run folders; the same folder again continues from its checkpoint."""
    jobs = []

    def make(
        folder: RunFolder | None = None, *, seed: int = 7, control: Control | None = None, checkpoint_every: float = 1e9
    ) -> RunningJob:
        (tmp_path / "runs").mkdir(exist_ok=True)
        folder = folder or create_run(tmp_path / "runs", RunConfig(recipe="test", params={}, seed=seed))
        jobs.append(RunningJob(folder, control=control, checkpoint_every=checkpoint_every))
        return jobs[-1]

    yield make
    for job in jobs:
        job.writer.close()


@pytest.fixture
def events_of() -> Callable[[RunningJob], list[ev.AnyEvent]]:
    """All that a job has said so far."""

    def read(job: RunningJob) -> list[ev.AnyEvent]:
        job.writer.flush()
        return list(RunFolder(job.folder).events())

    return read


@pytest.fixture(scope="session")
def tiny_backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT of two layers with a word tokenizer, as save_pretrained writes it."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("tiny-bert")
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        "a",
        "good",
        "bad",
        "film",
        "book",
        "was",
        "it",
        "not",
        "very",
        "the",
    ]
    vocabulary = {word: place for place, word in enumerate(words)}
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=32,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    BertTokenizerFast(vocab=vocabulary).save_pretrained(folder)
    return folder
