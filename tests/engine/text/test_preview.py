"""What the column picker and the preview pane are told."""

from __future__ import annotations

import msgspec
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from workbench.core.documents import ExamplesPage
from workbench.core.problem import InputError
from workbench.core.settings import Settings
from workbench.engine.text.preview import Seer, preview
from workbench.store.home import open_home
from workbench.worker.inspectors import inspect
from workbench.worker.interactive import ApplyContext

BODY = "id,review,mood\n" + "".join(
    f'{at},"the film number {at} was fine",{"good" if at % 2 else "bad"}\n' for at in range(30)
)


@pytest.fixture
def tokenizer():
    words = ["[UNK]", "the", "film", "number", "was", "fine"]
    tok = Tokenizer(models.WordLevel({word: at for at, word in enumerate(words)}, unk_token="[UNK]"))
    tok.pre_tokenizer = pre_tokenizers.Whitespace()
    return tok


@pytest.fixture
def context(own_home):
    return ApplyContext("cpu", open_home(own_home), Settings(), {})


def put(folder, name, text):
    (folder / name).write_text(text, "utf-8")
    return str(folder / name)


def test_that_columns_roles_labels_and_rows_are_told(tmp_path):
    found = preview(put(tmp_path, "a.csv", BODY))
    assert found.columns == ["id", "review", "mood"] and found.row_count == 30
    assert found.roles == {"text_column": "review", "label_column": "mood"}
    assert found.labels == {"bad": 15, "good": 15}
    assert found.rows[1] == ["1", "the film number 1 was fine", "good"]
    assert found.problems == [] and found.seen == []


def test_that_a_chosen_column_counts_and_an_impossible_choice_does_not(tmp_path):
    path = put(tmp_path, "a.csv", BODY)
    assert preview(path, chosen={"label_column": "id"}).roles["label_column"] == "id"
    assert preview(path, chosen={"label_column": "gone"}).roles["label_column"] == "mood"


def test_that_the_models_view_shows_pieces_and_where_it_ends(tmp_path, tokenizer):
    found = preview(put(tmp_path, "a.csv", BODY), seer=Seer(tokenizer, 6))
    one = found.seen[0]
    assert [span.label for span in one.spans] == ["the", "film", "number", "[UNK]", "cut off"]
    assert one.text[one.spans[-1].start :].strip() == "was fine" and one.spans[-1].score == 0
    assert one.note == "4 of 6 tokens; the rest is cut off" and one.title == "bad"


def test_that_faults_of_rows_and_of_the_whole_are_listed(tmp_path):
    rows = "text,label\n" + '"a text",x\n' * 5 + ",x\n" + '"no label",\n' + "one,two,three\n"
    found = preview(put(tmp_path, "b.csv", rows))
    assert [(one.row, one.what) for one in found.problems] == [
        (-1, "There is one class only: every row has the label 'x'."),
        (5, "has an empty text"), (6, "has no label"), (7, "has 3 fields instead of 2"),
    ]  # fmt: skip
    assert found.problem_count == 4


def test_that_a_table_without_labels_can_still_be_looked_at(tmp_path):
    found = preview(put(tmp_path, "c.csv", "text,note\n" + "".join(f"a text {at},note {at}\n" for at in range(9))))
    assert found.columns == ["text", "note"] and "label" in found.problems[0].what


@pytest.mark.parametrize(
    ("task", "columns"), [("tag", ["words", "tags"]), ("answer", ["question", "answer", "context"])]
)
def test_that_samples_are_shown_in_their_own_columns(task, columns, tokenizer):
    address = {"tag": "sample:generated-entities", "answer": "sample:generated-questions"}[task]
    found = preview(address, task=task, seer=Seer(tokenizer, 32))
    assert found.columns == columns and found.row_count == 1100 if task == "tag" else 1750
    assert len(found.seen) == 6


def test_that_the_worker_answers_about_data_in_json(tmp_path, context):
    path = put(tmp_path, "a.csv", BODY)
    asked = {"recipe": "berturk-nlu", "slot": "data", "address": path, "params": {"text_column": "id"}, "seen": True}
    found = inspect("data", asked, context)
    assert found.roles["text_column"] == "id" and found.seen[1].spans[0].label == "1"
    assert msgspec.json.encode(found)
    tagged = {
        "recipe": "berturk-nlu",
        "path": put(tmp_path, "c.conll", "Ali B-PER\ngeldi O\n\n" * 3),
        "params": {"task": "entities"},
    }
    assert inspect("data", tagged, context).labels == {"B-PER": 3, "O": 3}


def test_that_rows_for_labelling_come_in_pages(tmp_path, context):
    asked = {"recipe": "berturk-nlu", "address": put(tmp_path, "a.csv", BODY), "offset": 28, "limit": 50}
    page = inspect("examples", asked, context)
    assert isinstance(page, ExamplesPage) and (page.kind, page.total, page.offset) == ("class", 30, 28)
    assert [(one.title, one.source) for one in page.texts] == [("bad", 28), ("good", 29)]
    tagged = {
        "recipe": "berturk-nlu",
        "address": "sample:generated-entities",
        "params": {"task": "entities"},
        "limit": 3,
    }
    page = inspect("examples", tagged, context)
    assert page.kind == "spans" and page.labels == ["LOC", "ORG", "PER"] and len(page.words[0]) > 3
    one = page.texts[0]
    assert all(one.text[span.start : span.end].strip() for span in one.spans)
    answered = {"recipe": "berturk-nlu", "address": "sample:generated-questions", "params": {"task": "questions"}}
    assert inspect("examples", answered, context).kind == "answer"


def test_that_a_page_follows_a_changed_file(tmp_path, context):
    path = put(tmp_path, "a.csv", BODY)
    asked = {"recipe": "berturk-nlu", "address": path}
    assert inspect("examples", asked, context).total == 30
    put(tmp_path, "a.csv", BODY + '99,"one more text here",good\n')
    assert inspect("examples", asked, context).total == 31


def test_that_wrong_questions_are_refused(context):
    for what, arguments in (
        ("weather", {}),
        ("data", {"recipe": "berturk-nlu", "slot": "no"}),
        ("data", {"recipe": 3}),
    ):
        with pytest.raises(InputError) as caught:
            inspect(what, arguments, context)
        assert caught.value.expected


def test_that_backbones_and_devices_are_listed(context):
    assert any("minilm" in one.address for one in inspect("backbones", {}, context))
    assert inspect("devices", {}, context)[0]["device"] == "cpu"
