"""Recognisers for tests: one that spells tones without a mistake, and tiny seeded networks in Hugging Face format."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

RATE = 16_000
LETTERS = ("<pad>", "|", *"abcdefgh")
TONE_S, GAP_S = 0.08, 0.04


def pitch_hz(letter: str) -> float:
    return 400.0 + 250.0 * "abcdefgh".index(letter)


def said(text: str, *, rate: int = RATE, pause_s: float = 0.12, gap_s: float = GAP_S) -> np.ndarray:
    """A tone per letter, a pause per space: (n,) float32; the pauses within words hold a faint hum."""
    pieces = []
    for letter in text:
        if letter == " ":
            pieces.append(np.zeros(round(pause_s * rate)))
            continue
        at = np.arange(round(TONE_S * rate)) / rate
        pieces += [0.3 * np.sin(2 * np.pi * pitch_hz(letter) * at), np.zeros(round(gap_s * rate))]
    return np.concatenate(pieces).astype(np.float32)


class ToneSpeller:
    """An Emitter that hears which letter's tone a frame holds; a pause of several frames is a space."""

    sample_rate_hz = RATE
    frame_s = 0.02
    vocabulary = LETTERS

    def __init__(self) -> None:
        self.heard_s: list[float] = []

    def emissions(self, samples: np.ndarray) -> np.ndarray:
        self.heard_s.append(len(samples) / RATE)
        size = round(self.frame_s * RATE)
        frames = samples[: len(samples) // size * size].reshape(-1, size)
        at = np.arange(size) / RATE
        waves = np.exp(-2j * np.pi * np.array([[pitch_hz(one)] for one in LETTERS[2:]]) * at)
        power = np.abs(frames @ waves.T) / size
        best, loud = power.argmax(1) + 2, power.max(1) > 0.3 * max(float(power.max()), 1e-4)
        labels = np.where(loud, best, 0)
        quiet = 0
        for index, one in enumerate(loud):
            quiet = 0 if one else quiet + 1
            if quiet == 5:  # longer than the gap between letters
                labels[index] = 1
        found = np.full((len(labels), len(LETTERS)), 0.01 / (len(LETTERS) - 1))
        found[np.arange(len(labels)), labels] = 0.99
        return np.log(found).astype(np.float32)


class ToneWriter:
    """A Writer over the same ears, with times."""

    sample_rate_hz = RATE

    def __init__(self, *, timed: bool = True) -> None:
        self.timed, self._ears = timed, ToneSpeller()

    def words(self, samples: np.ndarray):
        from workbench.engine.speech import ctcdecoding

        heard = self._ears.emissions(samples)
        starts = np.arange(len(heard)) * 0.02
        return ctcdecoding.words_of(ctcdecoding.greedy(heard), LETTERS, starts, 0.02)


def save_ctc(folder: Path, kind: str = "Wav2Vec2", *, seed: int = 3) -> Path:
    """A wav2vec 2.0 or HuBERT of some thousand weights that hears 10 letters."""
    import torch
    import transformers

    torch.manual_seed(seed)
    config = getattr(transformers, f"{kind}Config")(
        vocab_size=len(LETTERS), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        conv_dim=(8, 8, 8), conv_stride=(5, 8, 8), conv_kernel=(10, 8, 8), num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=2, pad_token_id=0, num_feat_extract_layers=3,
    )  # fmt: skip
    getattr(transformers, f"{kind}ForCTC")(config).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps({one: at for at, one in enumerate(LETTERS)}), "utf-8")
    return folder


def save_whisper(folder: Path, *, heads: bool = False, seed: int = 3) -> Path:
    """A Whisper of some thousand weights with a vocabulary of single bytes and Whisper's own special tokens."""
    import torch
    import transformers
    from tokenizers.pre_tokenizers import ByteLevel

    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {one: at for at, one in enumerate(sorted(ByteLevel.alphabet()))}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), "utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", "utf-8")
    special = ["<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|translate|>",
               "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>",
               *(f"<|{0.02 * at:.2f}|>" for at in range(1501))]  # fmt: skip
    tokenizer = transformers.WhisperTokenizer(vocab=vocabulary, merges=[])
    tokenizer.add_special_tokens({"additional_special_tokens": special[1:9]})
    tokenizer.add_tokens(special[9:])
    tokenizer.save_pretrained(folder)
    ids = {one: tokenizer.convert_tokens_to_ids(one) for one in special}
    torch.manual_seed(seed)
    config = transformers.WhisperConfig(
        vocab_size=len(tokenizer), d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, num_mel_bins=80,
        decoder_start_token_id=ids["<|startoftranscript|>"], eos_token_id=ids["<|endoftext|>"],
        pad_token_id=ids["<|endoftext|>"], bos_token_id=ids["<|endoftext|>"], suppress_tokens=None,
        begin_suppress_tokens=None, max_target_positions=96, median_filter_width=3,
    )  # fmt: skip
    model = transformers.WhisperForConditionalGeneration(config)
    told = model.generation_config
    told._from_model_config = False  # or the library makes it anew and forgets what follows
    told.no_timestamps_token_id = ids["<|notimestamps|>"]
    told.lang_to_id = {"<|en|>": ids["<|en|>"]}
    told.task_to_id = {"transcribe": ids["<|transcribe|>"], "translate": ids["<|translate|>"]}
    told.is_multilingual = True
    told.max_initial_timestamp_index = 50
    told.alignment_heads = [[0, 0], [0, 1]] if heads else None
    model.save_pretrained(folder)
    transformers.WhisperFeatureExtractor(feature_size=80).save_pretrained(folder)
    return folder


def save_speecht5(folder: Path, *, seed: int = 3) -> Path:
    """A SpeechT5 for speech to text of some thousand weights, with a sentencepiece vocabulary of characters."""
    import io

    import sentencepiece
    import torch
    import transformers

    folder.mkdir(parents=True, exist_ok=True)
    written = io.BytesIO()
    lines = ["the cat sat on the mat", "a big dog ran far away", "zebras jump quickly over fences", "vexing pixels"]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines * 4), model_writer=written, model_type="char", vocab_size=30, pad_id=1, bos_id=0,
        eos_id=2, unk_id=3, minloglevel=2, hard_vocab_limit=False,
    )  # fmt: skip
    (folder / "spm_char.model").write_bytes(written.getvalue())
    tokenizer = transformers.SpeechT5Tokenizer(str(folder / "spm_char.model"))
    tokenizer.save_pretrained(folder)
    torch.manual_seed(seed)
    config = transformers.SpeechT5Config(
        vocab_size=len(tokenizer), hidden_size=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, conv_dim=(8, 8, 8), conv_stride=(5, 8, 8),
        conv_kernel=(10, 8, 8), num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=2, num_feat_extract_layers=3,
        max_speech_positions=2000, max_text_positions=60, bos_token_id=0, pad_token_id=1, eos_token_id=2,
        decoder_start_token_id=2,
    )  # fmt: skip
    transformers.SpeechT5ForSpeechToText(config).save_pretrained(folder)
    transformers.SpeechT5FeatureExtractor().save_pretrained(folder)
    return folder
