"""Damaged, mislabelled and hostile text files: every reader gives data or one InputError, nothing else."""

from __future__ import annotations

import io
import json
import time
from collections import Counter
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.core.problem import InputError
from workbench.engine.text.preview import Seer, preview
from workbench.engine.text.readers import load_labelled, load_plain, load_questions, load_tagged

QUICK, MANY = 25, 400
LONGEST_S = 10.0
READERS = {"classify": load_labelled, "tag": load_tagged, "answer": load_questions, "plain": load_plain}


def _table() -> pa.Table:
    texts = [f"Örnek cümle {at}, “tırnaklı” ve uzun." for at in range(60)]
    return pa.table({"text": texts, "label": ["a", "b"] * 30})


def _parquet() -> bytes:
    held = io.BytesIO()
    pq.write_table(_table(), held)
    return held.getvalue()


def _arrow() -> bytes:
    held = io.BytesIO()
    with pa.ipc.new_file(held, _table().schema) as file:
        file.write_table(_table())
    return held.getvalue()


def _squad() -> bytes:
    asked = [
        {"id": at, "question": f"Nerede {at}?", "answers": [{"answer_start": "6", "text": "Ankara"}]}
        for at in range(20)
    ]
    context = "Evler Ankara'da, çok."
    return json.dumps({"data": [{"paragraphs": [{"context": context, "qas": asked}]}]}, ensure_ascii=False).encode()


def seeds() -> dict[str, bytes]:
    """A truthful small file of every format."""
    rows = _table().to_pylist()
    csv = "text,label\n" + "".join(f'"{row["text"]}",{row["label"]}\n' for row in rows)
    return {
        "a.csv": csv.encode(),
        "b.tsv": csv.replace(",", "\t").encode("utf-16"),
        "c.csv": csv.replace("“", '""').replace("”", '""').encode("cp1254", "replace"),
        "d.jsonl": "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode(),
        "e.json": json.dumps(rows).encode(),
        "f.parquet": _parquet(),
        "g.arrow": _arrow(),
        "h.conll": ("-DOCSTART- -X- O\n\n" + "Ali NNP B-PER\ngeldi VBD O\n\n" * 40).encode(),
        "i.json": _squad(),
        "j.txt": ("Düz bir satır.\n" * 60).encode(),
        "k.conllu": ("1\tgo\tgo\tVERB\t_\t_\t0\troot\t_\t_\n\n" * 40).encode(),
    }


def damaged(content: bytes, rng: np.random.Generator, others: list[bytes]) -> bytes:
    """One of eight kinds of damage."""
    held = bytearray(content)
    at = int(rng.integers(len(held)))
    match int(rng.integers(8)):
        case 0:
            return content[:at]
        case 1:
            for place in rng.integers(len(held), size=int(rng.integers(1, 20))):
                held[place] ^= 1 << int(rng.integers(8))
        case 2:
            del held[at : at + int(rng.integers(1, 200))]
        case 3:
            held[at:at] = bytes(int(rng.integers(1, 64)))
        case 4:
            held[at:at] = "şğıİ".encode("cp1254") * int(rng.integers(1, 9))
        case 5:
            held[at:at] = rng.integers(256, size=int(rng.integers(1, 300)), dtype=np.uint8).tobytes()
        case 6:
            held[at:at] = others[int(rng.integers(len(others)))]
        case _:
            held[: min(64, at)] = rng.integers(256, size=min(64, at), dtype=np.uint8).tobytes()
    return bytes(held)


def tried(path: Path) -> Counter[str]:
    """What every reader and the preview make of one file; another exception fails the test."""
    ends: Counter[str] = Counter()
    for task, load in READERS.items():
        began = time.monotonic()
        try:
            found = load(str(path))
            assert found.examples and found.detail
            ends["data"] += 1
        except InputError as error:
            assert error.what and error.field, error
            ends["InputError"] += 1
        try:
            preview(str(path), task=task, seer=Seer())  # type: ignore[arg-type]
            ends["previews"] += 1
        except InputError as error:
            assert error.what and error.field, error
        assert time.monotonic() - began < LONGEST_S, path.name
    return ends


def fuzzed(folder: Path, per_format: int, seed: int) -> Counter[str]:
    rng, ends = np.random.default_rng(seed), Counter[str]()
    whole = seeds()
    suffixes = [Path(name).suffix for name in whole]
    for name, content in whole.items():
        for number in range(per_format):
            wrong = number % 5 == 4
            path = (
                folder / f"{Path(name).stem}{number}{suffixes[number % len(suffixes)] if wrong else Path(name).suffix}"
            )
            path.write_bytes(content if number == 0 else damaged(content, rng, list(whole.values())))
            ends += tried(path)
            ends["files"] += 1
            path.unlink()
    return ends


def test_that_whole_files_give_data_to_the_reader_they_are_for(tmp_path):
    meant = dict.fromkeys("abcdefg", "classify") | dict.fromkeys("hk", "tag") | {"i": "answer", "j": "plain"}
    for name, content in seeds().items():
        (tmp_path / name).write_bytes(content)
        assert len(READERS[meant[name[0]]](str(tmp_path / name)).examples) >= 1, name


def test_that_damaged_files_give_data_or_an_input_error(tmp_path):
    ends = fuzzed(tmp_path, QUICK, seed=1)
    print(f"\n{ends['files']} damaged files, four readers each: {dict(ends)}; no other exception")
    assert ends["data"] and ends["InputError"]


@pytest.mark.slow
def test_that_thousands_of_damaged_files_give_data_or_an_input_error_in_bounded_memory(tmp_path):
    process = psutil.Process()
    before = process.memory_info().rss
    ends = fuzzed(tmp_path, MANY, seed=2)
    grown = (process.memory_info().rss - before) >> 20
    print(f"\n{ends['files']} damaged files, four readers each: {dict(ends)}; memory grew by {grown} MB")
    assert ends["files"] >= 4_000 and grown < 200


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary(max_size=400),
    suffix=st.sampled_from([".csv", ".jsonl", ".json", ".parquet", ".txt", ".conll", ""]),
)
def test_that_any_bytes_under_any_name_give_data_or_an_input_error(tmp_path, content, suffix):
    path = tmp_path / f"any{suffix}"
    path.write_bytes(content)
    tried(path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=300), encoding=st.sampled_from(["utf-8", "utf-16", "utf-32", "cp1252"]))
def test_that_any_text_in_any_encoding_gives_data_or_an_input_error(tmp_path, text, encoding):
    path = tmp_path / "any.csv"
    path.write_bytes(text.encode(encoding, "replace"))
    tried(path)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    document=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    ["data", "paragraphs", "qas", "context", "question", "answers", "text", "label", "tokens"]
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=25,
    )
)
def test_that_any_json_gives_data_or_an_input_error(tmp_path, document):
    path = tmp_path / "any.json"
    path.write_text(json.dumps(document))
    tried(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("deep.json", b"[" * 100_000),
        ("deep.jsonl", b'{"a":' * 50_000 + b"\n"),
        ("quote.csv", b'text,label\n"' + b"never closed, " * 400_000),
        ("line.txt", b"x" * 9_000_000),
        ("columns.csv", b",".join(b"c%d" % at for at in range(20_000)) + b"\n" + b"1," * 19_999 + b"1\n"),
        ("huge-header.parquet", b"PAR1" + b"\xff" * 64 + b"\xff\xff\xff\x7f" + b"PAR1"),
        ("only-bom.csv", b"\xef\xbb\xbf"),
        ("odd.csv", b"\xff\xfet"),
        ("pickle.csv", b"\x80\x04\x95" + bytes(40)),
        ("one-byte.json", b"{"),
    ],
)
def test_that_hostile_files_are_refused_quickly(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    process = psutil.Process()
    before = process.memory_info().rss
    tried(path)
    assert process.memory_info().rss - before < 2 * len(content) + (200 << 20)


def test_that_a_folder_of_mixed_things_is_refused_or_read(tmp_path):
    for name, content in seeds().items():
        (tmp_path / name).write_bytes(content)
    tried(tmp_path)
    (tmp_path / "train.csv").mkdir()
    tried(tmp_path)
    (tmp_path / "train.csv").rmdir()
    (tmp_path / "train.csv").symlink_to(tmp_path / "nowhere.csv")
    tried(tmp_path)
