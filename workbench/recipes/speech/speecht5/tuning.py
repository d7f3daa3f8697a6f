"""A published SpeechT5 fine-tuned on a task, or only tested: transformers' own classes throughout."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers.models.speecht5.modeling_speecht5 import SpeechT5SpectrogramLoss, shift_spectrograms_right

from workbench.core.documents import Column, TableDoc
from workbench.core.job import Job
from workbench.core.kinds import Audio, Table
from workbench.core.problem import InputError
from workbench.core.vocoding import asked
from workbench.engine import rng
from workbench.engine.devices import place_of
from workbench.engine.speech.transcripts import edits
from workbench.engine.speech.vocoders import Vocoder, choose
from workbench.engine.stages import Stages
from workbench.engine.training import fit

from . import published, scores, show, vectors, words
from .data import Data, Item, load
from .doing import MEASURES
from .published import Floats, Published
from .recipe import ALL, ENCODER, ERRORS, SE, ST, STATISTICS, SpeechT5

NOTHING = -100
LN10 = math.log(10)
TEXTS = ("SpeechT5ForSpeechToText",)


class Tuning:
    """Examples of a task for a published network, teacher-forced, with transformers' losses."""

    def __init__(self, tool: Published, items: Sequence[Item]) -> None:
        self.model: nn.Module = tool.model
        self.tool, self.items = tool, items
        self.spectra = SpeechT5SpectrogramLoss(tool.model.config)

    @property
    def examples(self) -> int:
        return len(self.items)

    def collate(self, indices: list[int]) -> dict[str, Tensor]:
        """What the processor makes of sounds and texts; labels are −100 where padded."""
        items, processor = [self.items[at] for at in indices], self.tool.processor
        if items[0].read:
            found = dict(processor.tokenizer([one.read for one in items], return_tensors="pt", padding=True))
            found.pop("token_type_ids", None)
        else:
            waves = [one.sound for one in items if one.sound is not None]
            found = dict(processor(audio=waves, sampling_rate=self.tool.rate_hz, return_tensors="pt", padding=True))
        if self.tool.kind in TEXTS:
            texts = [torch.tensor(processor.tokenizer(words.plain(one.answer))["input_ids"]) for one in items]
            found["labels"] = nn.utils.rnn.pad_sequence(texts, batch_first=True, padding_value=NOTHING)
        else:
            step = int(self.tool.model.config.reduction_factor)
            mels = [torch.from_numpy(target(self.tool, one)) for one in items]
            mels = [one[: max(step, len(one) // step * step)] for one in mels]
            found["labels"] = nn.utils.rnn.pad_sequence(mels, batch_first=True, padding_value=float(NOTHING))
            found["speakers"] = torch.cat([published.embedding(self.tool, one.vector).cpu() for one in items])
        return found | {"weight": torch.tensor(float(len(items)))}

    def weight(self, batch: dict[str, Tensor]) -> float:
        return float(batch["weight"])

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        model: Any = self.model
        if self.tool.kind in TEXTS:
            found: Tensor = model(
                input_values=batch["input_values"], attention_mask=batch["attention_mask"], labels=batch["labels"]
            ).loss  # fmt: skip
            return found * batch["weight"]
        return self._spoken(model, batch) * batch["weight"]

    def _spoken(self, model: Any, batch: dict[str, Tensor]) -> Tensor:
        """The loss by hand: the speech-to-speech class returns none, even with labels."""
        given = batch.get("input_ids", batch.get("input_values"))
        labels, mask = batch["labels"], batch["attention_mask"]
        before, said = shift_spectrograms_right(
            labels, model.config.reduction_factor, (labels[..., 0] != NOTHING).long()
        )  # fmt: skip
        out = model.speecht5(
            input_values=given, attention_mask=mask, decoder_input_values=before, decoder_attention_mask=said,
            speaker_embeddings=batch["speakers"], output_attentions=True, use_cache=False, return_dict=True,
        )  # fmt: skip
        coarse, fine, stops = model.speech_decoder_postnet(out.last_hidden_state)
        if "input_values" in batch:
            mask = model.speecht5.encoder.prenet._get_feature_vector_attention_mask(
                out.encoder_last_hidden_state.shape[1], mask
            )
        loss: Tensor = self.spectra(mask, coarse.float(), fine.float(), stops.float(), labels, out.cross_attentions)
        return loss


def target(tool: Published, item: Item) -> np.ndarray:
    """Log10-mel frames (T, bins) of what is to be said, as the checkpoint's feature extractor makes them."""
    heard = tool.processor.feature_extractor
    found = heard(audio_target=item.spoken, sampling_rate=tool.rate_hz)["input_values"][0]
    return np.asarray(found, np.float32)


@dataclasses.dataclass
class Asked:
    """Answers to a test: the error, and the first texts or frames."""

    error: float
    texts: list[str]
    mels: list[np.ndarray]


def ask(tool: Published, task: str, items: Sequence[Item], params: SpeechT5) -> Asked:
    """Do a task free-running and score it as everywhere in this recipe."""
    tool.model.eval()
    if tool.kind in TEXTS:
        texts = [published.transcribe(tool, one.sound, beam=params.beam) for one in items if one.sound is not None]
        said, truths = [words.plain(one) for one in texts], [words.plain(one.answer) for one in items]
        if task == ST:
            return Asked(1 - scores.chrf(said, truths), texts, [])
        wrong = sum(edits(one, true) for one, true in zip(said, truths, strict=True))
        return Asked(wrong / max(1, sum(map(len, truths))), texts, [])
    measure = scores.spectral_distance_db if task == SE else scores.distortion_db
    mels = [_said(tool, one, params) for one in items]
    errors = [measure(_natural(mel), _natural(target(tool, one))) for mel, one in zip(mels, items, strict=True)]
    return Asked(float(np.mean(errors)), [], mels)


def _natural(mel: np.ndarray) -> Floats:
    """Natural logs of frames whose logs are decimal."""
    found: Floats = (mel * LN10).astype(np.float32)
    return found


def _said(tool: Published, item: Item, params: SpeechT5) -> np.ndarray:
    given: Any = item.read or item.sound
    return published.speak(
        tool, given, item.vector, threshold=params.stop_threshold, ratio=params.length_ratio
    )  # fmt: skip


def train(job: Job, params: SpeechT5) -> None:
    """Fine-tune a published network at two rates, or with no steps only test it; the better one is kept."""
    place = place_of(job)
    folder = Path(params.checkpoint).expanduser()
    tool = published.load(folder, place)
    wanted = tool.tasks[0] if params.task == ALL else params.task
    if wanted not in tool.tasks:
        raise InputError(
            f"This checkpoint is not one for {params.task}.", expected=", ".join(tool.tasks), received=params.task,
            fix="Choose the checkpoint of this task, or another task.", field="task", place=folder.name,
        )  # fmt: skip
    vocoder = choose(asked(params.vocoder, params.vocoder_folder), published.analysis_of(tool))
    # The pretraining data is not used, so little of it is made.
    data = load(job, params.replace(task=wanted, unlabelled=2, sentences=2))
    parts = data.tasks[wanted]
    if tool.kind not in TEXTS:
        _tell_of_voices(job, tool, data, params)
    before = ask(tool, wanted, parts.test, params)
    best = _tuned(job, tool, folder, wanted, parts, params=params) if params.task_steps else None
    after = before if best is None else ask(tool, wanted, parts.test, params)
    job.result(ERRORS[wanted], after.error)
    job.result(f"{ERRORS[wanted]}_before", before.error)
    _show(job, tool, wanted, parts.test, before=before, after=after, rate=best, vocoder=vocoder)
    job.phase("saving the model")
    out = job.model_folder()
    tool.model.save_pretrained(out)
    tool.processor.save_pretrained(out)
    vectors.save(vectors.teller(params), out)
    job.write_card(task="speech and text", tasks=[wanted], checkpoint=folder.name)


def _tell_of_voices(job: Job, tool: Published, data: Data, params: SpeechT5) -> None:
    """Say what the network is told of voices, and where it has not learned that."""
    width = int(tool.model.config.speaker_embedding_dim)
    if params.voices == STATISTICS:
        job.log("Voices are told by statistics of mel frames, which this checkpoint has not learned; it can learn "
                "them, but its own x-vectors would serve it better.", "warning")  # fmt: skip
    elif params.voices == ENCODER and data.vector != width:
        job.log(f"The speaker encoder's {data.vector} numbers stand in the first of {width} that this checkpoint "
                "knows; it has to learn what they mean.", "warning")  # fmt: skip


def _tuned(
    job: Job, tool: Published, folder: Path, task: str, parts: Any, *, params: SpeechT5
) -> float:  # fmt: skip
    """Train at each rate; leaves the weights in `tool` that do best on development examples and returns their rate."""
    stages, kept = Stages(job), job.folder / "weights"
    kept.mkdir(exist_ok=True)
    for rate in dict.fromkeys((params.lower_rate, params.higher_rate)):
        stage = stages.begin(f"{task}, rate {rate:g}", curves={"learning_rate": "learning_rate"})
        if stage is None or getattr(job, "kept_early", False):
            continue
        rng.seed(stage.seed)
        fresh = published.load(folder, tool.place)
        fine = params.replace(max_steps=params.task_steps, learning_rate=rate)

        def evaluate(step: int, fresh: Published = fresh, stage: Any = stage) -> float:
            error = ask(fresh, task, parts.development, params).error
            stage.metric("development", error, step=step)
            return error

        result = fit(stage, Tuning(fresh, parts.train), fine, place=tool.place, evaluate=evaluate, better="low")
        error = result.best_value if result.best_value is not None else math.inf
        known = stages.known.get("best")
        if known is None or error < known[0]:
            fresh.model.save_pretrained(kept)
            stages.end(stage, best=[error, rate])
        else:
            stages.end(stage)
    tool.model = type(tool.model).from_pretrained(kept, local_files_only=True).to(tool.place.device).eval()
    for file in kept.iterdir():
        file.unlink()
    kept.rmdir()
    return float(stages.known["best"][1])


def _show(
    job: Job, tool: Published, task: str, items: Sequence[Item], *, before: Asked, after: Asked, rate: float | None,
    vocoder: Vocoder,
) -> None:  # fmt: skip
    columns = [
        Column("task", "text"), Column("error", "text"), Column("as published", best="low"),
        Column("fine-tuned", best="low"), Column("rate", digits=6), Column("test examples", digits=0),
    ]  # fmt: skip
    tuned = None if rate is None else round(after.error, 4)
    row = [task, MEASURES[task], round(before.error, 4), tuned, rate, len(items)]
    job.artifact("results", Table, TableDoc(columns, [row], "Errors on the test; lower is better."),
                 title="A published network before and after fine-tuning")  # fmt: skip
    if after.texts:
        columns = [Column("right", "text"), Column("as published", "text"), Column("now", "text")]
        rows = [[one.answer, *both] for one, *both in zip(items, before.texts, after.texts, strict=True)]
        doc = TableDoc(columns, rows[: show.SHOWN_TEXTS], "First examples of the test.")
        job.artifact("texts", Table, doc, title="Texts written")
    for slot, mel in (("reference", target(tool, items[0])), ("generated", after.mels[0])) if after.mels else ():
        wave = vocoder(mel)
        meta = {"sample_rate_hz": tool.rate_hz, "channels": 1, "samples": len(wave), "title": slot}
        title = f"{task}: {items[0].sentence}"
        job.artifact(slot, Audio, lambda path, wave=wave: show.write_wave(path, wave), title=title, meta=meta)
