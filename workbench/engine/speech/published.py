"""wav2vec 2.0, HuBERT and their like, Whisper and SpeechT5 from local folders in Hugging Face format.

Sources: wav2vec 2.0 (Baevski et al. 2020), HuBERT (Hsu et al. 2021), Whisper (Radford et al. 2022), SpeechT5
(Ao et al. 2022), as the library transformers builds them. Weights are read from safetensors, or from files that
hold tensors alone; nothing that comes with a model is run.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from workbench.core.audio import Segment
from workbench.core.problem import InputError
from workbench.core.transcripts import Family
from workbench.engine.backbone_folders import list_weights, read_header
from workbench.engine.speech.recognisers import Emitter, Writer, shared_out
from workbench.engine.speech.silences import FRAME_S, frame_db, silent_frames

TOKENS_PER_S = 12
"""No language is written faster; a model that repeats itself is stopped there."""
AUDIO_TOKEN_S = 0.02
"""A timestamp token of Whisper counts such steps."""


def load(folder: Path, family: Family, device: str = "cpu") -> Emitter | Writer:
    """A model of these families, in evaluation mode; raises InputError for what cannot be loaded safely and whole."""
    from transformers.utils import logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    _check(folder)
    kinds: dict[str, Callable[[Path, torch.device], Emitter | Writer]] = {
        "ctc": CtcFolder, "whisper": WhisperFolder, "speecht5": SpeechT5Folder,
    }  # fmt: skip
    try:
        found = kinds[family](folder, torch.device(device))
    except InputError:
        raise
    except Exception as error:  # the library raises whatever it meets: OSError, ValueError, KeyError, ImportError …
        raise _unusable(folder, f"{type(error).__name__}: {error}") from None
    return found


def _unusable(folder: Path, received: str) -> InputError:
    return InputError(
        "This model's folder cannot be used.",
        expected="config.json, weights, preprocessor_config.json and the tokenizer's files, as save_pretrained writes",
        received=" ".join(received.split())[:300], fix="Copy or download the folder again, with all of its files.",
        field="model", place=str(folder),
    )  # fmt: skip


def _check(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if "auto_map" in config:
        raise InputError(
            "This model brings its own program code, which is never run.",
            expected="an architecture that transformers carries", received="auto_map in config.json",
            fix="Choose another model.", field="model", place=str(folder),
        )  # fmt: skip
    weights = list_weights(folder)
    if not weights or not all(path.is_file() for path in weights):
        raise _unusable(folder, "no weights" if not weights else "a part of the weights is missing")
    for path in weights:
        if path.suffix == ".safetensors":
            read_header(path)


def _model(kind: str, folder: Path, device: torch.device) -> Any:
    """A model whose every tensor comes from the folder."""
    import transformers

    safe = list_weights(folder)[0].suffix == ".safetensors"
    model, found = getattr(transformers, kind).from_pretrained(
        folder, dtype=torch.float32, local_files_only=True, trust_remote_code=False, use_safetensors=safe,
        weights_only=True, output_loading_info=True,
    )  # fmt: skip
    # Masking is of pretraining alone, and a tied head has no tensor of its own.
    lost = sorted(one for one in found["missing_keys"] if "masked_spec_embed" not in one and "proj_out" not in one)
    if lost:
        raise _unusable(folder, f"{len(lost)} tensors are missing, such as {lost[0]!r}: the model was never trained "
                        "to transcribe, or its files do not belong together")  # fmt: skip
    return model.eval().to(device)


def _extractor(folder: Path) -> Any:
    from transformers import AutoFeatureExtractor

    made: Any = AutoFeatureExtractor
    return made.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


class CtcFolder:
    """An encoder with a CTC head; see recognisers.Emitter."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        self._model, self._extractor = _model("AutoModelForCTC", folder, device), _extractor(folder)
        self._device = device
        config = self._model.config
        self.sample_rate_hz = int(self._extractor.sampling_rate)
        self.frame_s = math.prod(config.conv_stride) / self.sample_rate_hz
        letters = _letters(folder, config.vocab_size)
        blank = int(config.pad_token_id or 0)
        self._order = [blank, *(at for at in range(config.vocab_size) if at != blank)]
        self.vocabulary = [letters[at] for at in self._order]

    @torch.inference_mode()
    def emissions(self, samples: np.ndarray) -> np.ndarray:
        """See recognisers.Emitter."""
        inputs = self._extractor(samples, sampling_rate=self.sample_rate_hz, return_tensors="pt")
        logits = self._model(inputs.input_values.to(self._device)).logits[0]  # (T, V)
        found: np.ndarray = logits.float().log_softmax(-1)[:, self._order].cpu().numpy()
        return found


def _letters(folder: Path, size: int) -> list[str]:
    """The label of each output; vocab.json maps labels to numbers."""
    path = folder / "vocab.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    if found and all(isinstance(one, dict) for one in found.values()):
        if len(found) > 1:
            raise InputError(
                "This model has vocabularies of several languages.", expected="one vocabulary in vocab.json",
                received=", ".join(list(found)[:8]), fix="Save it for one language, with its adapter merged.",
                field="model", place=str(folder),
            )  # fmt: skip
        found = next(iter(found.values()))
    letters = [""] * size
    for label, number in found.items():
        if 0 <= int(number) < size:
            letters[int(number)] = str(label)
    return letters


class WhisperFolder:
    """An encoder-decoder that writes timestamps between its words; see recognisers.Writer.

    Words have times of their own where the folder says which attention heads follow the sound
    (`alignment_heads` in generation_config.json); else they share out the segment that Whisper timed.
    """

    timed = True

    def __init__(self, folder: Path, device: torch.device) -> None:
        from transformers import AutoTokenizer

        self._model, self._extractor = _model("WhisperForConditionalGeneration", folder, device), _extractor(folder)
        self._device = device
        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        self.sample_rate_hz = int(self._extractor.sampling_rate)
        self._generation = self._model.generation_config
        first: Any = self._tokenizer.convert_tokens_to_ids("<|notimestamps|>")
        self._timestamps = int(first) + 1
        if not hasattr(self._generation, "no_timestamps_token_id"):
            self._generation.no_timestamps_token_id = int(first)  # older fine-tuned folders lack it
        self._special = set(self._tokenizer.all_special_ids)
        self._by_heads = bool(getattr(self._generation, "alignment_heads", None))

    @torch.inference_mode()
    def words(self, samples: np.ndarray) -> list[Segment]:
        """See recognisers.Writer."""
        length_s = len(samples) / self.sample_rate_hz
        features = self._extractor(samples, sampling_rate=self.sample_rate_hz, return_tensors="pt").input_features
        features = features.to(self._device)
        limit = self._model.config.max_target_positions
        made = self._model.generate(
            features, return_timestamps=True, return_token_timestamps=self._by_heads, return_dict_in_generate=True,
            max_new_tokens=min(math.ceil(length_s * TOKENS_PER_S) + 8, limit - 8), num_beams=1, do_sample=False,
            temperature=0.0,
        )  # fmt: skip
        tokens = made["sequences"][0]
        start = [self._model.config.decoder_start_token_id] if int(tokens[0]) not in self._special else []
        whole = torch.tensor([[*start, *tokens.tolist()]], device=self._device)
        sure = _certainties(self._model(features, decoder_input_ids=whole).logits[0], whole[0])[len(start) :]
        times = made["token_timestamps"][0].tolist() if self._by_heads else []
        return self._read(tokens.tolist(), sure, times, length_s)

    def _read(
        self, tokens: Sequence[int], sure: Sequence[float], times: Sequence[float], length_s: float
    ) -> list[Segment]:
        words: list[Segment] = []
        held: list[int] = []
        began_s = 0.0
        for at, token in enumerate([*tokens, self._timestamps + round(length_s / AUDIO_TOKEN_S)]):
            if token < self._timestamps:
                held += [at] if token not in self._special else []
                continue
            at_s = min((token - self._timestamps) * AUDIO_TOKEN_S, length_s)
            if held:
                words += self._words([(tokens[one], sure[one], times[one] if times else -1.0) for one in held],
                                     began_s, max(at_s, began_s))  # fmt: skip
                held = []
            began_s = max(at_s, began_s)
        return words

    def _words(self, tokens: Sequence[tuple[int, float, float]], start_s: float, end_s: float) -> list[Segment]:
        """Tokens of one segment as words: a word begins with a space."""
        groups: list[list[tuple[int, float, float]]] = []
        for one in tokens:
            piece = self._tokenizer.decode([one[0]])
            if piece.startswith(" ") or not groups:
                groups.append([])
            groups[-1].append(one)
        texts = [self._tokenizer.decode([one[0] for one in group]).strip() for group in groups]
        groups = [group for group, text in zip(groups, texts, strict=True) if text]
        texts = [text for text in texts if text]
        trust = [math.exp(sum(math.log(max(one[1], 1e-12)) for one in group) / len(group)) for group in groups]
        if not self._by_heads or not texts:
            return shared_out(texts, trust, start_s, end_s)
        # A token's timestamp is the moment at which it ends.
        edges = [start_s, *(min(max(group[-1][2], start_s), max(end_s, start_s)) for group in groups)]
        edges = np.maximum.accumulate(edges).tolist()
        return [Segment(edges[at], edges[at + 1], text, confidence=trust[at]) for at, text in enumerate(texts)]


class SpeechT5Folder:
    """An encoder-decoder that writes letters and no times; see recognisers.Writer."""

    timed = False

    def __init__(self, folder: Path, device: torch.device) -> None:
        from transformers import SpeechT5Tokenizer

        self._model, self._extractor = _model("SpeechT5ForSpeechToText", folder, device), _extractor(folder)
        self._device = device
        self._tokenizer = SpeechT5Tokenizer.from_pretrained(folder, local_files_only=True)
        self.sample_rate_hz = int(self._extractor.sampling_rate)

    @torch.inference_mode()
    def words(self, samples: np.ndarray) -> list[Segment]:
        """See recognisers.Writer; the words lie between the first and the last moment that is not silent."""
        length_s = len(samples) / self.sample_rate_hz
        inputs = self._extractor(audio=samples, sampling_rate=self.sample_rate_hz, return_tensors="pt")
        values = inputs["input_values"].to(self._device)
        limit = min(math.ceil(length_s * 2 * TOKENS_PER_S) + 8, int(self._model.config.max_text_positions) - 2)
        tokens = self._model.generate(values, max_length=limit, num_beams=1, do_sample=False)[0]
        logits = self._model(input_values=values, decoder_input_ids=tokens[None]).logits[0]
        sure = _certainties(logits, tokens)
        special = set(self._tokenizer.all_special_ids)
        texts: list[str] = []
        trust: list[list[float]] = []
        for token, certainty in zip(tokens.tolist(), sure, strict=True):
            if token in special:
                continue
            piece = str(self._tokenizer.convert_ids_to_tokens(token))
            if piece.startswith("▁") or not texts:
                texts.append("")
                trust.append([])
            texts[-1] += piece.removeprefix("▁")
            trust[-1].append(certainty)
        pairs = [(text, _mean(some)) for text, some in zip(texts, trust, strict=True) if text]
        loud = np.flatnonzero(~silent_frames(frame_db(samples, self.sample_rate_hz)))
        first = float(loud[0]) * FRAME_S if len(loud) else 0.0
        last = min(float(loud[-1] + 1) * FRAME_S, length_s) if len(loud) else length_s
        return shared_out([text for text, _ in pairs], [one for _, one in pairs], first, last)


def _mean(probabilities: Sequence[float]) -> float:
    """The geometric one."""
    return math.exp(sum(math.log(max(one, 1e-12)) for one in probabilities) / max(len(probabilities), 1))


def _certainties(logits: torch.Tensor, tokens: torch.Tensor) -> list[float]:
    """The probability of each token (T,) given those before it, from (T, V) logits; 1 for the first."""
    told = logits.float().softmax(-1)[:-1].gather(1, tokens[1:, None])[:, 0]
    return [1.0, *told.tolist()]
