"""The encoder recipe from its declaration to a served model, on a backbone small enough for a test."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest

from workbench.core import documents
from workbench.core import events as ev
from workbench.core.params import values_of
from workbench.core.settings import Settings
from workbench.engine.generators import mini_turkish_sets as sets
from workbench.recipes import recipe
from workbench.recipes.text.berturk_nlu.four import TASKS
from workbench.recipes.text.berturk_nlu.masked import new_tokenizer
from workbench.runner.claims import plan
from workbench.runner.verdicts import measured, outcomes
from workbench.store.home import open_home
from workbench.store.runfolder import RunConfig, RunFolder, create_run
from workbench.worker.execute import execute
from workbench.worker.interactive import ApplyContext
from workbench.worker.job import Control

RECIPE = recipe("berturk-nlu")
GOOD, BAD = ("good", "fine", "lovely", "great"), ("bad", "awful", "poor", "dull")
THINGS = ("film", "book", "song", "meal", "game", "play")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained two-layer BERT with a cased WordPiece tokenizer, saved as any backbone is."""
    import torch
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("tiny")
    texts = [one.text for one in sets.sentiment(seed=0).examples] + [row[0] for row in reviews(60)]
    tokenizer = new_tokenizer(texts, 600)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=160, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def reviews(count: int) -> list[tuple[str, str]]:
    words = [(GOOD, "positive"), (BAD, "negative")]
    rows = []
    for at in range(count):
        some, label = words[at % 2]
        rows.append((f"the {THINGS[at // 2 % 6]} number {at} was really {some[at // 12 % 4]} today", label))
    return rows


def write_csv(path: Path, rows: list[tuple[str, ...]], header: tuple[str, ...] = ("text", "label")) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def train(tmp_path: Path, tiny: Path, *, data: str, seed: int = 0, folder: RunFolder | None = None,
          control: Control | None = None, watch=None, **knobs) -> RunFolder:  # fmt: skip
    """A run of the recipe in this process; returns its folder, whatever became of it."""
    if folder is None:
        given = {"backbone": str(tiny), "batch": 8, "learning_rate": 3e-3, "max_length": 64, "evaluations": 2} | knobs
        params = values_of(RECIPE.preset("smoke").replace(limit=0, **given))
        (tmp_path / "runs").mkdir(exist_ok=True)
        folder = create_run(tmp_path / "runs", RunConfig("berturk-nlu", params, inputs={"data": data}, seed=seed))
    execute(folder, settings=Settings(), control=control, watch=watch)
    return folder


def finished(folder: RunFolder) -> dict[str, float]:
    state = folder.state()
    assert state.phase == "finished", state.problem and state.problem.text() + state.problem.trace
    return {name: value for name, value in state.results.items() if value is not None}


def slots(folder: RunFolder) -> set[str]:
    return {event.slot for event in folder.events() if isinstance(event, ev.Artifact)}


def warm_context() -> ApplyContext:
    return ApplyContext("cpu", open_home(), Settings(), cache={})


def ask(folder: RunFolder, **inputs) -> list[documents.Answer]:
    context = warm_context()
    made = RECIPE.apply(context, folder.model, inputs)
    return msgspec.json.decode(msgspec.json.encode(made), type=documents.AnswersDoc).answers


@pytest.fixture(scope="module")
def classified(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> RunFolder:
    """A classifier of obvious reviews, trained once for several tests."""
    tmp_path = tmp_path_factory.mktemp("classified")
    data = write_csv(tmp_path / "reviews.csv", reviews(240))
    return train(tmp_path, tiny, data=str(data), max_steps=60)


# ---------------------------------------------------------------- classification


def test_that_classes_are_learned_and_every_declared_slot_is_written(classified):
    numbers = finished(classified)
    assert numbers["accuracy"] > 0.9
    assert set(RECIPE.writes) - {"loss", "score"} <= slots(classified)
    metrics = {(event.name, event.series) for event in classified.events() if isinstance(event, ev.Metric)}
    assert {("loss", "train"), ("loss", "validation"), ("score", "validation"), ("score", "test")} <= metrics


def test_that_the_start_and_the_end_are_shown_whatever_the_preview_budget(tmp_path, tiny):
    data = write_csv(tmp_path / "reviews.csv", reviews(60))
    params = values_of(RECIPE.preset("smoke").replace(backbone=str(tiny), max_steps=6, evaluations=6, limit=0))
    folder = create_run(tmp_path, RunConfig("berturk-nlu", params, inputs={"data": str(data)}))
    execute(folder, settings=Settings(preview_share=0.0))
    finished(folder)
    titles = [event.title for event in folder.events() if isinstance(event, ev.Artifact) and event.slot == "confusion"]
    assert titles[0] == "before tuning"
    assert titles[-1] == "test data, after tuning"
    assert len(titles) == 2
    steps = {event.step for event in folder.events() if isinstance(event, ev.Metric) and event.series == "validation"}
    assert steps == set(range(1, 7))


def test_that_the_saved_model_is_plain_transformers_and_a_backbone_again(classified, tmp_path, tiny):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(classified.model).eval()
    tokenizer = AutoTokenizer.from_pretrained(classified.model)
    said = model(**tokenizer("the film was lovely", return_tensors="pt")).logits.argmax(-1).item()
    assert model.config.id2label[said] == "positive"
    assert not list(classified.model.glob("*.bin"))
    again = train(tmp_path, tiny, data=str(write_csv(tmp_path / "r.csv", reviews(60))), max_steps=2,
                  backbone=str(classified.model))  # fmt: skip
    finished(again)


def test_that_the_base_answers_before_the_tuned_model_and_words_are_weighed(classified):
    answers = ask(classified, text=f"the film number 1 was really {BAD[0]} today", attribute=True)
    assert [one.model for one in answers] == ["before tuning", "tuned"]
    assert answers[1].headline == "negative"
    assert sum(score for _, score in answers[1].scores) == pytest.approx(1.0, abs=1e-3)
    weights = {answers[1].attribution.text[one.start : one.end]: one.score for one in answers[1].attribution.spans}
    assert BAD[0] in sorted(weights, key=lambda word: abs(weights[word]))[-3:]
    assert weights[BAD[0]] > 0


def test_that_the_second_answer_loads_nothing(classified, monkeypatch):
    from workbench.engine import adapters

    context = warm_context()
    RECIPE.apply(context, classified.model, {"text": "a good film"})
    monkeypatch.setattr(adapters, "load_model", None)
    RECIPE.apply(context, classified.model, {"text": "a bad film"})


def test_that_an_empty_text_is_refused_on_its_field(classified):
    from workbench.core.problem import InputError

    with pytest.raises(InputError) as caught:
        ask(classified, text="  ")
    assert caught.value.field == "text"


@pytest.mark.parametrize("adapt", ["last layers", "linear probe", "lora"])
def test_that_every_adaptation_trains_saves_and_answers(tmp_path, tiny, adapt):
    data = write_csv(tmp_path / "reviews.csv", reviews(60))
    folder = train(tmp_path, tiny, data=str(data), max_steps=3, adapt=adapt, last_layers=1, rank=2, layer_decay=0.9)
    finished(folder)
    assert [one.model for one in ask(folder, text="a good film")] == ["before tuning", "tuned"]


def test_that_balanced_weights_find_the_rare_class(tmp_path, tiny):
    said = [("awful", "negative") if at % 10 == 0 else ("good", "positive") for at in range(160)]
    rows = [(f"the film number {at} was really {word} today", label) for at, (word, label) in enumerate(said)]
    data = write_csv(tmp_path / "reviews.csv", rows)
    folder = train(tmp_path, tiny, data=str(data), max_steps=60, class_weights="balanced")
    assert finished(folder)["macro_f1"] > 0.9


def test_that_one_class_only_is_refused(tmp_path, tiny):
    data = write_csv(tmp_path / "one.csv", [row for row in reviews(40) if row[1] == "positive"])
    state = train(tmp_path, tiny, data=str(data)).state()
    assert state.phase == "failed"
    assert state.problem.severity == "input"
    assert state.problem.field in ("data", "label_column")


def test_that_a_class_seen_only_in_test_is_refused(tmp_path, tiny):
    folder = tmp_path / "divided"
    folder.mkdir()
    write_csv(folder / "train.csv", reviews(40))
    write_csv(folder / "test.csv", [*reviews(8), ("the film was odd", "neutral")])
    state = train(tmp_path, tiny, data=str(folder)).state()
    assert state.phase == "failed"
    assert state.problem.severity == "input"
    assert "neutral" in state.problem.text()


def test_that_equal_texts_stay_on_one_side_of_the_split(tmp_path):
    from workbench.recipes.text.berturk_nlu import data as reading

    rows = [row for row in reviews(30) for _ in range(3)]
    path = write_csv(tmp_path / "twice.csv", rows)
    job = SimpleNamespace(inputs={"data": str(path)}, seed=0, log=lambda *_: None)
    parts = reading.load(job, RECIPE.preset("desk"))
    texts = [{one.text for one in part} for part in (parts.train, parts.validation, parts.test)]
    assert all(texts)
    assert not texts[0] & texts[1] and not texts[0] & texts[2] and not texts[1] & texts[2]


# ---------------------------------------------------------------- the other tasks


def test_that_names_are_learned_and_marked_in_a_new_text(tmp_path, tiny):
    folder = train(tmp_path, tiny, data="sample:mini-turkish-entities", task="entities", max_steps=60)
    assert finished(folder)["span_f1"] > 0.2
    assert set(RECIPE.writes) - {"loss", "score"} <= slots(folder)
    tuned = ask(folder, text="Dün Belmur'a taşındı ve Kartel'i gezdi.", attribute=True)[-1]
    assert tuned.spans is not None
    assert all(tuned.spans.text[one.start : one.end].strip() for one in tuned.spans.spans)


def test_that_long_sentences_are_read_to_their_end(tmp_path, tiny):
    from workbench.engine import backbones, devices
    from workbench.recipes.text.berturk_nlu import entities
    from workbench.recipes.text.berturk_nlu.common import Study

    params = RECIPE.preset("smoke").replace(max_length=16, backbone=str(tiny))
    study = Study(None, params, devices.choose("cpu"), backbones.load_tokenizer(str(tiny)), tmp_path)
    words = [f"kelime{at}" for at in range(40)]
    pieces = entities.Pieces(study, [words])
    assert all(len(ids) <= 16 for ids in pieces.ids)
    assert sum(map(len, pieces.firsts)) == len(words)
    assert [begin for _, begin in pieces.of] == list(np.cumsum([0, *map(len, pieces.firsts)])[:-1])


def test_that_questions_are_learned_and_answered_with_a_place(tmp_path, tiny):
    folder = train(tmp_path, tiny, data="sample:mini-turkish-questions", task="questions", max_steps=4, max_length=96)
    numbers = finished(folder)
    assert {"f1", "exact_match"} <= set(numbers)
    assert set(RECIPE.writes) - {"loss", "score"} <= slots(folder)
    passage = "Belmur 1954 yılında Tankara'da doğdu. Kartel'i kurdu."
    answers = ask(folder, text=passage, question="Belmur nerede doğdu?")
    assert len(answers) == 2
    span = answers[1].spans.spans[0]
    assert passage[span.start : span.end] == answers[1].headline


def test_that_a_small_encoder_is_pretrained_from_nothing_and_serves_as_a_backbone(tmp_path, tiny):
    text = tmp_path / "corpus.txt"
    text.write_text("\n".join(one.text for one in sets.corpus().examples[:400]), encoding="utf-8")
    knobs = {"width": 48, "layers": 1, "vocabulary": 400, "half": True, "max_length": 48}
    folder = train(
        tmp_path, tiny, data=str(text), task="masked words", model="random init", max_steps=30, batch=16, **knobs
    )
    assert "masked_accuracy" in finished(folder)
    losses = [event.value for event in folder.events() if isinstance(event, ev.Metric) and event.name == "loss"
              and event.series == "validation"]  # fmt: skip
    assert losses[-1] < losses[0]
    assert ask(folder, text="Dün [MASK] okudu.")[0].scores
    assert ask(folder, text="Dün kitabını okudu ve güldü.")[0].spans is not None
    again = train(tmp_path, tiny, data="sample:mini-turkish-sentiment", max_steps=2, backbone=str(folder.model),
                  max_length=48)  # fmt: skip
    finished(again)


def test_that_whole_words_are_hidden_together_and_pieces_are_not(tmp_path, tiny):
    import torch

    from workbench.engine import devices
    from workbench.recipes.text.berturk_nlu.common import Study
    from workbench.recipes.text.berturk_nlu.masked import Masking

    texts = [one.text for one in sets.corpus().examples[:300]]
    torn = {}
    for whole in (False, True):
        given = {"task": "masked words", "model": "random init", "vocabulary": 400, "width": 48, "layers": 1}
        params = RECIPE.preset("smoke").replace(whole_words=whole, mask_share=0.3, max_length=64, **given)
        job = SimpleNamespace(seed=0, log=lambda *_: None)
        masking = Masking(Study(job, params, devices.choose("cpu"), None, tmp_path), texts)
        batch = masking.collate(list(range(64)))
        chosen = batch["labels"] >= 0
        inside = masking.inside[torch.where(chosen, batch["labels"], batch["input_ids"])]
        torn[whole] = int((inside[:, 1:] & (chosen[:, 1:] != chosen[:, :-1])).sum())
        assert 0.1 < float(chosen.sum() / batch["attention_mask"].sum()) < 0.4  # rare names stay
    assert torn[False] > 100
    assert torn[True] == 0


def test_that_word_vectors_bring_words_of_the_same_passages_and_places_together():
    from workbench.recipes.text.berturk_nlu.vectors import word_vectors

    chance = np.random.default_rng(0)
    groups = (range(10, 20), range(20, 30))  # two subjects, each with words of its own
    blocks = [[2, *chance.choice(groups[at % 2], 6), 3] for at in range(400)]
    found = word_vectors(blocks, 40, 8)
    assert found.shape == (40, 8)
    near = np.corrcoef(found)
    same = np.mean([near[one, other] for group in groups for one in group for other in group if one != other])
    across = np.mean([near[one, other] for one in groups[0] for other in groups[1]])
    assert same > 0.5 > 0 > across


def test_that_a_new_tokenizer_keeps_turkish_letters_apart():
    tokenizer = new_tokenizer(["ısı ısı isi isi şal sal ışık İzmir"] * 5, 200)
    for word in ("ısı", "isi", "şal", "İzmir"):
        assert tokenizer.decode(tokenizer(word, add_special_tokens=False)["input_ids"]).replace(" ", "") == word


@pytest.mark.parametrize("task", ["classification", "entities", "questions"])
def test_that_the_classical_arm_shows_saves_and_answers(tmp_path, tiny, task):
    name = {"classification": "sentiment"}.get(task, task)
    folder = train(tmp_path, tiny, data=f"sample:mini-turkish-{name}", task=task, model="classical", language="turkish")
    assert finished(folder)
    assert {"confusion", "per_class", "worst", "examples", "outcomes"} <= slots(folder)
    said = ask(folder, text="Dün Belmur Tankara'ya taşındı.", question="Belmur nereye taşındı?")
    assert [one.model for one in said] == ["classical"]
    assert said[0].headline


# ---------------------------------------------------------------- one run of four tasks


@pytest.mark.parametrize("model", ["random init", "classical"])
def test_that_one_run_does_the_four_tasks_and_serves_them(tmp_path, tiny, model):
    folder = train(
        tmp_path, tiny, data="sample:mini-turkish", task="all four", model=model, language="turkish",
        max_steps=2, max_length=96, evaluations=1,
    )  # fmt: skip
    numbers = finished(folder)
    assert {"sentiment_accuracy", "entity_f1", "question_f1", "topic_accuracy"} <= set(numbers)
    wanted = {f"outcomes_{name}" for name in ("sentiment", "entities", "questions", "topics")}
    assert wanted <= slots(folder)
    card = json.loads((folder.model / "workbench.json").read_text())
    assert card["parts"] == ["sentiment", "entities", "questions", "topics"]
    assert_outcomes_give(folder, numbers)
    answers = ask(folder, text="Dün Belmur'a taşındı.", question="Nereye taşındı?")
    assert [one.model.split(":")[0] for one in answers] == ["entities", "questions", "sentiment", "topics"]


def assert_outcomes_give(folder: RunFolder, numbers: dict[str, float]) -> None:
    """What a claim resamples must give the very numbers that the run told."""
    for task in TASKS:
        counts, measure = outcomes(folder, f"outcomes_{task.name}")
        found = float(measured(counts.sum(0), len(counts), measure))
        assert found == pytest.approx(numbers[task.result], abs=1e-3)


def stop_at(stage: str) -> tuple[Control, object]:
    """Cancels a run once a checkpoint was written behind the first look of a stage."""
    control, seen = Control(), []

    def watch(event: ev.AnyEvent) -> None:
        if isinstance(event, ev.Metric) and event.series.startswith(stage):
            seen.append(event)
        if seen and isinstance(event, ev.Checkpoint):
            control.cancel.set()

    return control, watch


def losses(folder: RunFolder) -> dict[tuple[str, int], float | None]:
    return {(event.series, event.step): event.value for event in folder.events()
            if isinstance(event, ev.Metric) and event.name == "loss"}  # fmt: skip


def test_that_a_run_of_four_resumes_in_the_middle_with_the_same_numbers(tmp_path, tiny, monkeypatch):
    from workbench.engine import training

    monkeypatch.setattr(training, "CHECKPOINT_SHARE", 1e9)
    knobs = {"task": "all four", "model": "random init", "max_steps": 12, "max_length": 96, "evaluations": 1}
    whole = train(tmp_path, tiny, data="sample:mini-turkish", **knobs)
    control, watch = stop_at("entities, train")
    params = whole.config().params
    folder = create_run(tmp_path / "runs", RunConfig("berturk-nlu", params, inputs={"data": "sample:mini-turkish"}))
    execute(folder, settings=Settings(checkpoint_every=0.0), control=control, watch=watch)
    assert folder.state().phase == "cancelled"
    assert folder.state().resumable
    execute(folder, settings=Settings())
    assert finished(folder) == pytest.approx(finished(whole), abs=1e-6)
    assert losses(folder) == pytest.approx(losses(whole), abs=1e-6)


@pytest.mark.parametrize("task", ["classification", "entities", "questions"])
def test_that_words_are_weighed_before_and_after_also_in_a_run_that_was_resumed(tmp_path, tiny, monkeypatch, task):
    from workbench.engine import training

    monkeypatch.setattr(training, "CHECKPOINT_SHARE", 1e9)
    data = "docstrings-library" if task == "classification" else f"generated-{task}"
    params = values_of(RECIPE.preset("smoke").replace(backbone=str(tiny), task=task, limit=60, max_length=96))
    (tmp_path / "runs").mkdir()
    folder = create_run(tmp_path / "runs", RunConfig("berturk-nlu", params, inputs={"data": f"sample:{data}"}))
    control, watch = stop_at("train")
    execute(folder, settings=Settings(checkpoint_every=0.0), control=control, watch=watch)
    assert folder.state().resumable
    execute(folder, settings=Settings())
    finished(folder)
    drawn = [event for event in folder.events() if isinstance(event, ev.Artifact) and event.slot == "attribution"]
    assert [event.title for event in drawn] == ["before tuning", "after tuning"]
    last = documents.read(folder.path / drawn[-1].path, documents.SpansDoc)
    assert [text.title for text in last.texts] == ["before tuning", "after tuning"]


def test_that_stopping_early_keeps_a_model_that_answers(tmp_path, tiny):
    control = Control()

    def watch(event: ev.AnyEvent) -> None:
        if isinstance(event, ev.Metric) and event.series == "train":
            control.keep.set()

    data = write_csv(tmp_path / "reviews.csv", reviews(60))
    folder = train(tmp_path, tiny, data=str(data), max_steps=5000, control=control, watch=watch)
    assert finished(folder)
    assert folder.state().kept_early
    assert ask(folder, text="a good film")[-1].headline


# ---------------------------------------------------------------- the declaration


def test_that_the_claims_arms_differ_only_in_the_model():
    arms = {name: values_of(arm) for name, arm in RECIPE.claim.arms.items()}
    assert [arm.pop("model") for arm in arms.values()] == ["pretrained", "random init", "classical"]
    assert arms["pretrained"] == arms["random init"] == arms["classical"]


def test_that_the_claim_is_planned_on_the_four_sets():
    # The slot's first sample holds one task's data: on it every run of the claim failed at once.
    assert {config.inputs["data"] for config in plan(RECIPE, (0, 1))} == {"sample:mini-turkish"}


def test_that_every_sample_names_what_fits_it():
    from workbench.core.params import check

    for sample in RECIPE.reads["data"].samples:
        check(RECIPE.params, sample.sets, base=RECIPE.preset("desk"))


def test_that_grouping_by_length_changes_no_loss(tiny):
    import torch

    from workbench.engine import backbones
    from workbench.recipes.text.berturk_nlu import common

    model = backbones.load_for(str(tiny), "token", labels=["O", "B", "I"], seed=0).eval()
    chance = torch.Generator().manual_seed(0)
    ids = [torch.randint(5, 100, (length,), generator=chance).tolist() for length in (3, 40, 7, 12, 5, 9, 30, 6, 4)]
    batch = common.padded(backbones.load_tokenizer(str(tiny)), ids)
    batch["labels"] = torch.where(batch["attention_mask"] > 0, batch["input_ids"] % 3, common.IGNORED)

    def loss(part):
        logits = model(input_ids=part["input_ids"], attention_mask=part["attention_mask"]).logits.flatten(0, 1)
        return torch.nn.functional.cross_entropy(logits, part["labels"].flatten(), reduction="sum")

    groups = common.trimmed(batch)
    assert len(groups) == 3
    assert groups[0]["input_ids"].shape[1] < groups[-1]["input_ids"].shape[1]
    torch.testing.assert_close(sum(loss(group) for group in groups), loss(batch))
