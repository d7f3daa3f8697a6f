"""What the punctuation recipe reads: marked words, tagged words, and the generated sentences."""

from __future__ import annotations

import pytest

from workbench.core.problem import InputError
from workbench.engine.text.examples import TaggedSentence
from workbench.recipes.text.punctuation_adversarial import readers

LABELLED = "so\tO\nfar\tCOMMA\nso\tO\ngood\tPERIOD\nis\tO\nit\tQUESTION\n"


@pytest.mark.parametrize("name", ["train2012", "words.txt", "words.tsv"])
def test_that_words_and_marks_are_read_with_or_without_extension(tmp_path, name):
    path = tmp_path / name
    path.write_text(LABELLED, encoding="utf-8")
    first, second = readers.read_marks(path)
    assert (first.tokens, first.tags) == (("so", "far", "so", "good"), ("O", "COMMA", "O", "PERIOD"))
    assert (second.tokens, second.tags, second.source) == (("is", "it"), ("O", "QUESTION"), 5)


def test_that_a_folder_keeps_its_splits(tmp_path):
    for name in ("train2012", "dev2012.txt", "test2011", "test2011asr"):
        (tmp_path / name).write_text(LABELLED * (3 if "train" in name else 1), encoding="utf-8")
    corpus = readers.load_marks(str(tmp_path), seed=0, generated=0)
    assert [len(part) for part in (corpus.train, corpus.dev, corpus.test, corpus.test_asr)] == [6, 2, 2, 2]


def test_that_plain_text_is_stripped_of_its_marks_and_labelled(tmp_path):
    path = tmp_path / "story.txt"
    lines = [
        f'Well: the {word} boat sails. "Does it sink?" No; it — the boat — floats!' for word in "abcdefghijklmnopqrst"
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    corpus = readers.load_marks(str(path), seed=0, generated=0)
    assert corpus.train[0].tokens == ("well", "the", "a", "boat", "sails")
    assert corpus.train[0].tags == ("COMMA", "O", "O", "O", "PERIOD")
    assert corpus.train[1].tags == ("O", "O", "QUESTION")
    assert corpus.train[3].tokens == ("it", "the", "boat", "floats")
    assert corpus.train[3].tags == ("COMMA", "O", "COMMA", "PERIOD")


def test_that_splits_carved_from_one_file_share_no_sentence(tmp_path):
    path = tmp_path / "repeats.txt"
    path.write_text("".join(f"the boat number{n % 40} sails. " for n in range(200)), encoding="utf-8")
    with pytest.raises(InputError, match="too little text"):
        readers.load_marks(str(path), seed=0, generated=0)
    path.write_text("".join(f"the boat number{n if n % 3 else n // 3} sails.\n" for n in range(300)), encoding="utf-8")
    corpus = readers.load_marks(str(path), seed=0, generated=0)
    parts = [{one.tokens for one in part} for part in (corpus.train, corpus.dev, corpus.test)]
    assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])


@pytest.mark.parametrize(
    ("content", "what", "place"),
    [
        (b"", "too little", ""),
        (b"one\tO\ntwo\tCOMMMA\n", "not a word and its mark", "line 2"),
        (b"one\tO\n\tO\n", "not a word and its mark", "line 2"),
        (b"one\tO\ntwo\x00\tO\n", "not plain UTF-8", "line 2"),
        ("häfen\tO\n".encode("latin-1") * 3, "not plain UTF-8", "line 1"),
        (b"no marks at all here\n" * 30, "no punctuation", ""),
        (b"yes. no. yes. no.\n" * 30, "Every word carries", ""),
    ],
)
def test_that_a_bad_punctuation_file_gets_one_clear_message(tmp_path, content, what, place):
    path = tmp_path / "bad.txt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=what) as caught:
        readers.load_marks(str(path), seed=0, generated=0)
    assert caught.value.field == "data"
    assert place in caught.value.place
    assert caught.value.fix


def test_that_a_missing_file_and_a_folder_without_training_file_are_told(tmp_path):
    with pytest.raises(InputError, match="cannot be opened"):
        readers.load_marks(str(tmp_path / "nothing.txt"), seed=0, generated=0)
    (tmp_path / "readme.md").write_text("x", encoding="utf-8")
    with pytest.raises(InputError, match="no training file") as caught:
        readers.load_marks(str(tmp_path), seed=0, generated=0)
    assert "readme.md" in caught.value.received


CONLLU = """# text = She doesn't sail, Anna.
1\tShe\tshe\tPRON\t_\t_\t3\tnsubj\t_\t_
2-3\tdoesn't\t_\t_\t_\t_\t_\t_\t_\t_
2\tdoes\tdo\tAUX\t_\t_\t3\taux\t_\t_
3\tn't\tnot\tPART\t_\t_\t4\tadvmod\t_\t_
4\tsail\tsail\tVERB\t_\t_\t0\troot\t_\t_
5\t,\t,\tPUNCT\t_\t_\t6\tpunct\t_\t_
5.1\tand\tand\tCCONJ\t_\t_\t_\t_\t_\t_
6\tAnna\tAnna\tPROPN\t_\t_\t4\tvocative\t_\t_
7\t.\t.\tPUNCT\t_\t_\t4\tpunct\t_\t_

"""


def test_that_conllu_is_read_without_ranges_empty_nodes_and_punctuation(tmp_path):
    path = tmp_path / "bank.conllu"
    path.write_text(CONLLU * 2, encoding="utf-8")
    first, second = readers.read_tags(path)
    assert first.tokens == second.tokens == ("she", "does", "n't", "sail", "anna")
    assert first.tags == ("PRON", "AUX", "PART", "VERB", "PROPN")


def test_that_two_columns_of_any_tag_set_are_read(tmp_path):
    path = tmp_path / "bank.tsv"
    path.write_text("The\tDT\nboat\tNN\n.\t.\n\nIt\tPRP\nsails\tVBZ\n", encoding="utf-8")
    assert [(one.tokens, one.tags) for one in readers.read_tags(path)] == [
        (("the", "boat"), ("DT", "NN")),
        (("it", "sails"), ("PRP", "VBZ")),
    ]


def test_that_a_bad_line_of_tags_is_named(tmp_path):
    path = tmp_path / "bank.tsv"
    path.write_text("the\tDET\nboat NOUN\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        list(readers.read_tags(path))
    assert caught.value.field == "pos"
    assert caught.value.place.endswith("line 2")


def test_that_both_tasks_on_the_same_sentences_are_refused():
    corpus = readers.load_marks("sample:generated-punctuation", seed=0, generated=40)
    same = readers.TagCorpus([TaggedSentence(one.tokens, one.tags) for one in corpus.train], [], ("A", "B"), "")
    with pytest.raises(InputError, match="nothing for the adversary"):
        readers.check_strangers(corpus, same)
    others = readers.load_tags("sample:generated-pos", seed=0, limit=60, avoid=corpus.train)
    readers.check_strangers(corpus, others)
    assert not {one.tokens for one in others.train} & {one.tokens for one in others.held_out}


def test_that_few_sentences_to_learn_from_are_judged_by_many_and_helped_by_many():
    marks = readers.load_marks("sample:generated-punctuation", seed=0, generated=20)
    tags = readers.load_tags("sample:generated-pos", seed=0)
    assert [len(part) for part in (marks.train, marks.dev, marks.test, marks.test_asr)] == [20, 150, 600, 600]
    assert len(tags.train) + len(tags.held_out) == 1500
    small = readers.load_marks("sample:generated-punctuation", seed=0, generated=20, limit=100)
    assert [len(part) for part in (small.train, small.dev, small.test)] == [20, 100, 100]


def test_that_sentences_are_joined_in_other_orders_without_gaining_or_losing_one():
    marks = readers.load_marks("sample:generated-punctuation", seed=0, generated=20, limit=20)
    found = readers.rejoined(marks.train, 3, seed=1)
    passes = [found[at : at + 20] for at in (0, 20, 40)]
    assert passes[0] == list(marks.train)
    assert all(sorted(one.tokens for one in some) == sorted(one.tokens for one in marks.train) for some in passes)
    assert passes[0] != passes[1] != passes[2]
    assert found == readers.rejoined(marks.train, 3, seed=1)
    assert readers.rejoined(marks.train, 1, seed=1) == list(marks.train)
