"""Each reader on small files that look as such files really look."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workbench.core.problem import InputError
from workbench.engine.text.examples import label_counts, split
from workbench.engine.text.readers import load_labelled, load_plain, load_questions, load_tagged, read

REVIEWS = [("Çok güzel bir film, izleyin.", "iyi"), ("Berbat; sakın almayın!", "kötü"), ("İdare eder…", "orta")] * 8


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))


def put(folder: Path, name: str, content: str | bytes, encoding: str = "utf-8") -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return str(path)


def csv_of(rows, *, header="text,label", between=",") -> str:
    lines = [header.replace(",", between)] if header else []
    return "\n".join(lines + [f'"{text}"{between}{label}' for text, label in rows]) + "\n"


@pytest.mark.parametrize("between", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1254"])
def test_that_delimiter_and_encoding_are_found(tmp_path, between, encoding):
    rows = [(text.replace("…", "..."), label) for text, label in REVIEWS] * 3
    found = load_labelled(put(tmp_path, "reviews.csv", csv_of(rows, between=between), encoding))
    assert [(one.text, one.label) for one in found.examples] == rows
    assert [one.source for one in found.examples[:3]] == [0, 1, 2]


def test_that_a_header_is_told_from_data(tmp_path):
    with_names = load_labelled(put(tmp_path, "a.csv", csv_of(REVIEWS, header="yazi,durumu")))
    without = load_labelled(put(tmp_path, "b.csv", csv_of(REVIEWS, header="")))
    assert len(with_names.examples) == len(without.examples) == len(REVIEWS)
    numbered = "".join(f"{text}\t{at % 2}\n" for at, (text, _) in enumerate(REVIEWS))
    headed = load_labelled(put(tmp_path, "c.tsv", "sentence\tlabel\n" + numbered))
    bare = load_labelled(put(tmp_path, "d.tsv", numbered))
    assert [one.text for one in headed.examples] == [one.text for one in bare.examples]
    assert headed.labels == ["0", "1"]


def test_that_quotation_marks_in_a_tsv_do_not_swallow_rows(tmp_path):
    rows = ['5" screen is "fine\t1', 'He said "no\t0', "plain\t1", '"quoted" start\t0'] * 5
    found = load_labelled(put(tmp_path, "sst.tsv", "sentence\tlabel\n" + "\n".join(rows) + "\n"))
    assert len(found.examples) == 20
    assert found.examples[0].text == '5" screen is "fine'


def test_that_a_quoted_text_may_span_lines(tmp_path):
    body = "text,label\n" + '"first\nsecond, with a ""word""",a\nother,b\n' * 5
    found = load_labelled(put(tmp_path, "multi.csv", body))
    assert found.examples[0].text == 'first\nsecond, with a "word"'
    assert len(found.examples) == 10


def test_that_class_before_text_and_trailing_blanks_in_labels_are_understood(tmp_path):
    body = "category,text\n" + "".join(
        f"{kind} ,{kind} haberi {at} burada uzun uzun\n" for at in range(6) for kind in ("spor", "siyaset")
    )
    found = load_labelled(put(tmp_path, "ttc.csv", body))
    assert found.labels == ["siyaset", "spor"]
    assert found.examples[0].text == "spor haberi 0 burada uzun uzun"


def test_that_the_columns_can_be_chosen(tmp_path):
    body = "id,title,body,mood,shop\n" + "".join(
        f"{at},t{at},a long enough body {at},{at % 2},s{at % 3}\n" for at in range(12)
    )
    path = put(tmp_path, "wide.csv", body)
    found = load_labelled(path, text_column="title", label_column="shop")
    assert (found.examples[4].text, found.examples[4].label) == ("t4", "s1")


def test_that_json_lines_json_and_parquet_say_the_same(tmp_path):
    records = [{"text": text, "label": label} for text, label in REVIEWS]
    paths = [
        put(tmp_path, "a.jsonl", "\n".join(json.dumps(one, ensure_ascii=False) for one in records)),
        put(tmp_path, "b.json", json.dumps(records)),
        put(tmp_path, "c.json", json.dumps({"version": 1, "data": records})),
        put(tmp_path, "d.json", json.dumps({name: [one[name] for one in records] for name in ("text", "label")})),
    ]
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "e.parquet")
    for path in [*paths, str(tmp_path / "e.parquet")]:
        assert [(one.text, one.label) for one in load_labelled(path).examples] == REVIEWS, path


def test_that_integers_of_a_data_set_get_their_class_names(tmp_path):
    features = {
        "label": {"names": ["neg", "pos"], "_type": "ClassLabel"},
        "text": {"dtype": "string", "_type": "Value"},
    }
    table = pa.table({"text": [f"text {at}" for at in range(8)], "label": [0, 1] * 4})
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    (tmp_path / "hub" / "data").mkdir(parents=True)
    pq.write_table(table, tmp_path / "hub" / "data" / "train-00000-of-00001.parquet")
    pq.write_table(table.slice(0, 4), tmp_path / "hub" / "data" / "test-00000-of-00001.parquet")
    found = load_labelled(str(tmp_path / "hub"))
    assert found.labels == ["neg", "pos"]
    assert [one.split for one in found.examples] == ["train"] * 8 + ["test"] * 4


def test_that_a_data_set_saved_to_disk_is_read_shard_by_shard(tmp_path):
    for part, shards in (("train", 2), ("test", 1)):
        folder = tmp_path / "saved" / part
        folder.mkdir(parents=True)
        for at in range(shards):
            table = pa.table({"sentence": [f"{part} {at} {n}" for n in range(5)], "label": [0, 1, 0, 1, 0]})
            with pa.ipc.new_stream(folder / f"data-{at:05d}-of-{shards:05d}.arrow", table.schema) as stream:
                stream.write_table(table)
        put(
            folder,
            "dataset_info.json",
            json.dumps({"features": {"label": {"names": ["no", "yes"], "_type": "ClassLabel"}}}),
        )
        put(folder, "state.json", "{}")
    put(tmp_path / "saved", "dataset_dict.json", '{"splits": ["train", "test"]}')
    found = load_labelled(str(tmp_path / "saved"))
    assert label_counts(found.examples) == {"no": 9, "yes": 6}
    parts = split(found.examples, seed=1)
    assert parts.given and len(parts.test) == 5 and len(parts.train) + len(parts.validation) == 10


def test_that_a_folder_of_texts_for_each_class_is_read(tmp_path):
    for part in ("train", "test"):
        for label in ("neg", "pos"):
            for at in range(3):
                put(
                    tmp_path / "imdb" / part / label,
                    f"{at}_7.txt",
                    f"A {label} film, number {at}, in {part}.\nSecond line.",
                )
    found = load_labelled(str(tmp_path / "imdb"))
    assert len(found.examples) == 12
    assert found.examples[0].text == "A neg film, number 0, in train. Second line."


def test_that_given_parts_are_kept_and_a_missing_one_is_carved_from_train(tmp_path):
    for name, rows in (("train.csv", REVIEWS * 4), ("test.csv", REVIEWS)):
        put(tmp_path / "parts", name, csv_of([(f"{text} {at} {name}", label) for at, (text, label) in enumerate(rows)]))
    parts = split(load_labelled(str(tmp_path / "parts")).examples, seed=0)
    assert len(parts.test) == len(REVIEWS)
    assert len(parts.validation) > 0 and {one.split for one in parts.validation} == {"train"}
    assert not {one.text for one in parts.train} & {one.text for one in parts.validation}


CONLL = """-DOCSTART- -X- -X- O

EU NNP B-NP B-ORG
rejects VBZ B-VP O
German JJ B-NP B-MISC

Peter NNP B-NP B-PER
Blackburn NNP I-NP I-PER
"""


def test_that_conll_with_several_columns_is_read(tmp_path):
    found = load_tagged(put(tmp_path, "eng.train.txt", CONLL))
    assert [one.tokens for one in found.examples] == [("EU", "rejects", "German"), ("Peter", "Blackburn")]
    assert found.examples[1].tags == ("B-PER", "I-PER")
    assert load_tagged(put(tmp_path, "x.conll", CONLL), tags_column="2").examples[0].tags == ("NNP", "VBZ", "JJ")


def test_that_iob_with_tabs_and_windows_line_ends_is_read(tmp_path):
    found = load_tagged(put(tmp_path, "dev.iob2", "Ali\tB-PER\r\ngeldi\tO\r\n\r\nAnkara'da\tB-LOC\r\n"))
    assert [one.tags for one in found.examples] == [("B-PER", "O"), ("B-LOC",)]
    assert found.examples[0].text == "Ali geldi"


def test_that_a_stream_of_words_without_sentence_breaks_is_cut(tmp_path):
    body = "".join(f"word{at}\t{'PERIOD' if at % 9 == 8 else 'O'}\n" for at in range(250))
    found = load_tagged(put(tmp_path, "train2012", body))
    assert [len(one.tokens) for one in found.examples] == [100, 100, 50]


def test_that_conllu_gives_forms_and_universal_tags(tmp_path):
    rest = "\t_\t_\t_\t_\t_\t_"
    body = f"# sent_id = 1\n1-2\tdon't\t_\t_{rest}\n1\tdo\tdo\tAUX{rest}\n2\tgo\tgo\tVERB{rest}\n\n"
    found = load_tagged(put(tmp_path, "en.conllu", body * 3))
    assert found.examples[0].tokens == ("do", "go") and found.examples[0].tags == ("AUX", "VERB")


def test_that_lists_of_words_and_numbered_tags_are_read(tmp_path):
    record = {"id": "0", "tokens": ["EU", "rejects"], "ner_tags": ["B-ORG", "O"]}
    found = load_tagged(put(tmp_path, "ner.jsonl", "\n".join([json.dumps(record)] * 3)))
    assert found.examples[0].tags == ("B-ORG", "O")


SQUAD = {
    "data": [
        {"title": "Kanuni", "paragraphs": [{"context": "Kanuni 1494 yılında Trabzon'da doğdu.", "qas": [
            {"id": 7, "question": "Nerede doğdu?", "answers": [{"answer_start": "20", "text": "Trabzon"}] * 3},
            {"id": 8, "question": "Ne zaman öldü?", "is_impossible": True, "answers": []},
            {"id": 9, "question": "Ne zaman doğdu?", "answers": [{"answer_start": 3, "text": "1494"}]},
        ]}]}
    ]
}  # fmt: skip


def test_that_squad_with_its_known_traps_is_read(tmp_path):
    found = load_questions(put(tmp_path, "dev-v0.1.json", json.dumps(SQUAD))).examples
    assert found[0].answers == ((20, "Trabzon"),) and found[0].id == "7"
    assert found[1].impossible and found[1].answers == ()
    assert found[2].answers == ((7, "1494"),)


def test_that_questions_in_a_table_are_read(tmp_path):
    record = {"question": "Where?", "context": "It is in Rome.", "answers": {"text": ["Rome"], "answer_start": [9]}}
    found = load_questions(put(tmp_path, "qa.jsonl", "\n".join([json.dumps(record)] * 3)))
    assert found.examples[2].answers == ((9, "Rome"),)


def test_that_an_answer_outside_its_context_is_listed(tmp_path):
    broken = json.loads(json.dumps(SQUAD))
    broken["data"] *= 4
    asked = json.loads(json.dumps(broken["data"][0]))
    asked["paragraphs"][0]["qas"] = [{"id": 1, "question": "Who?", "answers": [{"answer_start": 0, "text": "Nobody"}]}]
    broken["data"].append(asked)
    found = load_questions(put(tmp_path, "q.json", json.dumps(broken)))
    assert len(found.examples) == 12
    assert [one.what for one in found.problems] == ["has an answer that does not stand in its context"]


def test_that_plain_lines_are_read(tmp_path):
    found = load_plain(put(tmp_path, "corpus.txt", "Bir satır, virgüllü.\n\nİkinci satır.\n"))
    assert [one.text for one in found.examples] == ["Bir satır, virgüllü.", "İkinci satır."]


def test_that_rows_of_no_use_are_listed_by_number(tmp_path):
    rows = csv_of([(f"text {at}", at % 2) for at in range(20)]) + '"",1\n"no label",\n"too","many",1\n'
    found = load_labelled(put(tmp_path, "some.csv", rows))
    assert len(found.examples) == 20
    assert [(one.row, one.what) for one in found.problems] == [
        (20, "has an empty text"), (21, "has no label"), (22, "has 3 fields instead of 2"),
    ]  # fmt: skip


def test_that_a_limit_draws_the_same_rows_for_the_same_seed(tmp_path):
    path = put(tmp_path, "many.csv", csv_of([(f"text {at}", at % 2) for at in range(500)]))
    first, again, other = (load_labelled(path, limit=50, seed=seed).examples for seed in (1, 1, 2))
    assert len(first) == 50 and list(first) == list(again) and list(first) != list(other)
    assert [one.source for one in first] == sorted(one.source for one in first)


def fails(load, path: str, field: str, **columns: str) -> InputError:
    with pytest.raises(InputError) as caught:
        load(path, **columns)
    assert caught.value.field == field, caught.value
    assert caught.value.expected and caught.value.received and caught.value.fix
    return caught.value


def test_that_each_kind_of_bad_file_gets_one_message_on_its_field(tmp_path):
    good = csv_of(REVIEWS)
    turkish = [f'"{text}",{label}\n'.encode("cp1254") for text, label in REVIEWS[:2]]
    cases = {
        "empty.csv": (b"", "empty"),
        "blank.csv": (b"\n\n\n", "no rows"),
        "nul.csv": (good.encode().replace(b"film", b"fi\0lm", 1), "NUL"),
        "mixed.csv": (good.encode() + b"".join(turkish), "encoding"),
        "picture.csv": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4, "PNG"),
        "one.csv": (csv_of([(text, "same") for text, _ in REVIEWS]).encode(), "one class"),
        "long.csv": (csv_of([*REVIEWS, ("word " * 10_000, "iyi")]).encode(), "10\u202f000 words"),
        "cut.parquet": (b"PAR1" + b"\x15\x04" * 30, "cannot be read"),
    }
    for name, (content, said) in cases.items():
        error = fails(load_labelled, put(tmp_path, name, content), "data")
        assert said in f"{error.what} {error.received}", (name, error)
    assert "row" in fails(load_labelled, put(tmp_path, "nul2.csv", cases["nul.csv"][0]), "data").what.lower()


def test_that_a_missing_column_is_reported_on_its_knob_with_the_nearest_name(tmp_path):
    path = put(tmp_path, "a.csv", csv_of(REVIEWS))
    assert "'text'" in fails(load_labelled, path, "text_column", text_column="tekst").fix
    assert "'label'" in fails(load_labelled, path, "label_column", label_column="lable").fix
    fails(load_labelled, put(tmp_path, "alone.csv", "text\n" + "a text of its own\nanother text\n" * 9), "label_column")
    fails(load_tagged, put(tmp_path, "x.conll", CONLL), "tags_column", tags_column="9")


def test_that_a_label_only_in_test_is_refused_by_the_split(tmp_path):
    put(tmp_path / "parts", "train.csv", csv_of([(f"text {at}", at % 2) for at in range(20)]))
    put(tmp_path / "parts", "test.csv", csv_of([(f"text {at}", at % 3) for at in range(9)]))
    error = fails(lambda path: split(load_labelled(path).examples), str(tmp_path / "parts"), "data")
    assert "'2'" in error.received


def test_that_a_missing_path_and_an_unknown_sample_are_refused(tmp_path):
    fails(load_labelled, str(tmp_path / "nowhere.csv"), "data")
    fails(load_labelled, "sample:docstring-library", "data")
    (tmp_path / "hollow").mkdir()
    fails(load_labelled, str(tmp_path / "hollow"), "data")


def test_that_read_dispatches_by_task(tmp_path):
    path = put(tmp_path, "a.csv", csv_of(REVIEWS))
    assert read(path, task="classify", chosen={"text_column": "text", "label_column": ""}).labels == [
        "iyi",
        "kötü",
        "orta",
    ]
    assert len(read(put(tmp_path, "c.conll", CONLL), task="tag").examples) == 2
    assert len(read(put(tmp_path, "q.json", json.dumps(SQUAD)), task="answer").examples) == 3
    assert len(read(put(tmp_path, "p.txt", "Eins.\nZwei.\n"), task="plain").examples) == 2


def test_that_a_table_with_a_header_and_no_rows_says_that_no_row_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "header.csv"
    path.write_text("text,label\n")
    with pytest.raises(InputError, match="There is no row in it"):
        load_labelled(str(path))


def test_that_json_lines_without_a_single_object_are_called_that(tmp_path):
    with pytest.raises(InputError) as caught:
        load_labelled(put(tmp_path, "cut.jsonl", '{"text": "a"'))
    assert caught.value.what == "The file holds no JSON objects."
    assert "is not a JSON object" in caught.value.received


def test_that_an_arrow_file_whose_column_name_is_no_text_is_an_input_error(tmp_path):
    table = pa.table({"sentence": ["a", "b"], "label": ["x", "y"]})
    path = tmp_path / "data.arrow"
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    path.write_bytes(path.read_bytes().replace(b"sentence", b"sent\xc8nce"))
    with pytest.raises(InputError) as caught:
        load_labelled(str(path))
    assert "data.arrow" in caught.value.what
