"""Punctuation with an adversary: windows, the joint loss, and the whole course on a tiny backbone."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertModel, BertTokenizerFast

from workbench.core import events as ev
from workbench.core.documents import AnswersDoc, ConfusionDoc, SpansDoc, read
from workbench.core.params import check, values_of
from workbench.core.problem import InputError
from workbench.core.settings import Settings
from workbench.engine import backbones
from workbench.engine.devices import choose
from workbench.engine.generators import grammar
from workbench.engine.halves import freeze, halves
from workbench.recipes import recipe
from workbench.recipes.text.punctuation_adversarial import method, readers, show, windows
from workbench.recipes.text.punctuation_adversarial.data import Reader, masked_mean, stream
from workbench.recipes.text.punctuation_adversarial.recipe import PunctuationAdversarial, apply
from workbench.store.runfolder import RunConfig, RunFolder, create_run
from workbench.worker.execute import execute

LABELLED = "so\tO\nfar\tCOMMA\nso\tO\ngood\tPERIOD\nis\tO\nit\tQUESTION\n"


@pytest.fixture(scope="session")
def backbone(tmp_path_factory):
    """A random BERT of two layers whose vocabulary knows half of the grammar's words whole."""
    folder = tmp_path_factory.mktemp("tiny-punctuation")
    made = grammar.sentences("sea", 300, "vocabulary")
    whole = sorted({word for one in made for word in one.words})
    letters = sorted({letter for word in whole for letter in word})
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *whole[::2], *letters, *(f"##{x}" for x in letters)]
    vocabulary = {piece: place for place, piece in enumerate(dict.fromkeys(pieces))}
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=64,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    BertTokenizerFast(vocab=vocabulary).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tokenizer(backbone):
    return backbones.load_tokenizer(backbone)


def knobs(backbone, **more):
    given = {"backbone": str(backbone), "sentences": 20, "limit": 100, "window": 32, "batch": 4, "max_steps": 4}
    return check(PunctuationAdversarial, given | {"evaluations": 2, "frozen_layers": 1} | more)


# Windows ------------------------------------------------------------------------------------


@pytest.fixture
def text():
    return [word for one in grammar.sentences("sea", 30, "windows") for word in one.words]


@pytest.mark.parametrize("overlap", [True, False])
def test_that_every_word_is_decided_exactly_once(tokenizer, text, overlap):
    found = windows.cut(tokenizer, text, length=24, overlap=overlap)
    assert sorted(found.words[found.decides]) == list(range(len(text)))
    assert found.mask.sum(1).max() <= 24


def test_that_overlapping_windows_decide_in_their_middle_half(tokenizer, text):
    found = windows.cut(tokenizer, text, length=40, overlap=True)
    for row in range(1, len(found) - 1):
        there, decided = (found.words[row][chosen] for chosen in (found.words[row] >= 0, found.decides[row]))
        assert decided.min() - there.min() >= len(there) // 4 - 2
        assert there.max() - decided.max() >= len(there) // 4 - 2


def test_that_a_label_sits_on_the_last_piece_of_its_word(tokenizer, text):
    found = windows.cut(tokenizer, text, length=32, overlap=False)
    labels = found.labels(np.arange(len(text)) % 4)
    pieces = windows.word_pieces(tokenizer, text, longest=30)
    assert any(len(one) > 1 for one in pieces)
    for row, place in zip(*np.nonzero(labels != windows.IGNORED), strict=True):
        word = found.words[row, place]
        assert labels[row, place] == word % 4
        assert found.ids[row, place] == pieces[word][-1]
        assert list(found.ids[row, place + 1 - len(pieces[word]) : place + 1]) == pieces[word]
    assert (labels[:, 0] == windows.IGNORED).all()


def test_that_scores_are_put_back_in_the_order_of_the_words(tokenizer, text):
    found = windows.cut(tokenizer, text, length=24, overlap=True)
    scores = found.words[..., None].astype(np.float32)
    assert windows.stitch(found, scores, len(text))[:, 0].tolist() == list(range(len(text)))


def test_that_a_word_longer_than_the_window_still_gets_one(tokenizer):
    found = windows.cut(tokenizer, ["boat", "x" * 100, "sail"], length=16, overlap=True)
    assert sorted(found.words[found.decides]) == [0, 1, 2]


def test_that_taking_marks_off_and_putting_them_in_returns_the_text():
    text = "The boats, the nets and finn sail. Does it sink? No."
    pairs = readers.unpunctuate(text)
    words = [word.lower() for word, _ in pairs]
    shown = show.punctuated(words, [mark for _, mark in pairs], [1.0] * len(words))
    assert shown.text == text
    assert [shown.text[one.start : one.end] for one in shown.spans] == ["boats,", "sail.", "sink?", "No."]


# Numbers ------------------------------------------------------------------------------------


def test_that_f1_pools_the_three_marks_and_leaves_out_the_class_o():
    from sklearn.metrics import f1_score

    chance = np.random.default_rng(0)
    gold, said = chance.integers(0, 4, 500), chance.integers(0, 4, 500)
    found = show.scores(gold, said)
    assert found["overall"].f1 == pytest.approx(f1_score(gold, said, labels=[1, 2, 3], average="micro"))
    assert found["comma"].f1 == pytest.approx(f1_score(gold, said, labels=[1], average="micro"))
    assert show.scores(np.zeros(9, int), np.zeros(9, int))["overall"].f1 == 0


def test_that_outcomes_of_sentences_add_up_to_the_score():
    chance = np.random.default_rng(1)
    gold, said = chance.integers(0, 4, 300), chance.integers(0, 4, 300)
    sentence = np.sort(chance.integers(0, 40, 300))
    hits, false, missed = show.outcomes(gold, said, sentence, 40).reshape(40, 3, 3).sum((0, 1))
    assert 2 * hits / (2 * hits + false + missed) == pytest.approx(show.scores(gold, said)["overall"].f1)


def test_that_a_probe_tells_what_can_be_told_and_no_more():
    chance = np.random.default_rng(0)
    draw = lambda shift: chance.normal(shift, 1, (150, 8)).astype(np.float32)  # noqa: E731
    assert method.probe_accuracy([draw(0), draw(2)], [draw(0), draw(2)], seed=0) > 0.95
    assert 0.35 < method.probe_accuracy([draw(0), draw(0)], [draw(0), draw(0)], seed=0) < 0.65


# The model ----------------------------------------------------------------------------------


def test_that_the_two_halves_give_what_the_whole_gives(backbone):
    encoder = backbones.load_encoder(backbone).eval()
    bottom, top = halves(encoder, 1)
    ids, mask = torch.tensor([[2, 20, 30, 3, 0]]), torch.tensor([[1, 1, 1, 1, 0]])
    with torch.no_grad():
        whole = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        below = bottom(input_ids=ids, attention_mask=mask).last_hidden_state
        assert torch.allclose(
            top(inputs_embeds=below, attention_mask=mask).last_hidden_state[:, :4], whole[:, :4], atol=1e-5
        )
    assert not torch.allclose(below, whole, atol=1e-2)
    shared = {id(one) for one in encoder.parameters()}
    assert {id(one) for one in top.encoder.parameters()} <= shared


def test_that_frozen_layers_do_not_learn_and_the_rest_does(backbone):
    encoder = backbones.load_encoder(backbone)
    freeze(encoder, 1)
    learning = {name for name, one in encoder.named_parameters() if one.requires_grad}
    assert learning
    assert all(name.startswith("encoder.layer.1.") for name in learning)
    assert halves(encoder, 0) is None
    with pytest.raises(InputError) as caught:
        freeze(encoder, 3)
    assert caught.value.field == "frozen_layers"


@pytest.fixture
def joint(backbone, tokenizer):
    """A function that builds the joint objective on a small corpus, ready for its first step."""
    marks = readers.load_marks("sample:generated-punctuation", seed=0, generated=20)
    tags = readers.load_tags("sample:generated-pos", seed=0, limit=60)

    def build(**more):
        params = knobs(backbone, dropout=0.0, **more)
        torch.manual_seed(0)
        model = method.Tagger(backbones.load_encoder(backbone), params, len(tags.tags)).eval()
        job = SimpleNamespace(seed=0, metric=lambda *args, **named: None)
        streams = (
            stream(tokenizer, marks.train, readers.MARKS, length=32),
            stream(tokenizer, tags.train, tags.tags, length=32, overlap=False),
        )
        objective = method.Joint(job, model, params, streams[0], streams[1] if params.pos else None)
        objective.progress(1.0)
        return objective

    return build


def gradients(objective, rows=(0, 1, 2, 3)):
    objective.model.zero_grad()
    batch = objective.collate(list(rows))
    (objective.loss(batch) / objective.weight(batch)).backward()
    return {name: one.grad.clone() for name, one in objective.model.named_parameters() if one.grad is not None}


def test_that_the_adversary_pushes_the_encoder_against_the_discriminator_in_proportion(joint):
    off, half, full = (gradients(joint(lambda_max=value)) for value in (0.0, 0.5, 1.0))
    name = next(name for name in full if "layer.1.output.dense.weight" in name)
    assert torch.allclose(full[name] - off[name], 2 * (half[name] - off[name]), atol=1e-6)
    assert (full[name] - off[name]).abs().max() > 0
    head = "discriminator.out.weight"
    assert torch.allclose(full[head], off[head], atol=1e-7)
    # Against the discriminator: its plain gradient on the encoder, with the sign turned.
    plain = joint(lambda_max=0.0)
    plain.tagger.discriminator.reversal.strength = -1.0
    assert torch.allclose(gradients(plain)[name] - off[name], -(full[name] - off[name]) / 0.9999, rtol=1e-2, atol=1e-6)


def test_that_alpha_scales_the_part_of_speech_loss_alone(joint):
    one, two = gradients(joint(alpha=1.0)), gradients(joint(alpha=2.0))
    assert torch.allclose(two["pos.out.weight"], 2 * one["pos.out.weight"], atol=1e-6)
    assert torch.allclose(two["punctuation.out.weight"], one["punctuation.out.weight"], atol=1e-7)


def test_that_only_the_branches_learn_faster(joint):
    objective = joint(learning_rate=1e-3, branch_rate=7.0)
    rates = {id(one): group["lr"] for group in objective.parameter_groups() for one in group["params"]}
    for name, one in objective.model.named_parameters():
        expected = 7e-3 if name.startswith(("punctuation.", "pos.")) else 1e-3
        assert rates.get(id(one)) == (pytest.approx(expected) if one.requires_grad else None), name


def test_that_micro_batches_add_up_to_the_batch(joint):
    objective = joint()
    whole = objective.collate([0, 1, 2, 3])
    parts = [objective.collate([0, 1]), objective.collate([2, 3])]
    with torch.no_grad():
        total = sum(float(objective.loss(one)) for one in parts)
        assert float(objective.loss(whole)) == pytest.approx(total, rel=1e-5)
    assert objective.weight(whole) == sum(objective.weight(one) for one in parts) == 4


def test_that_partners_change_between_epochs_and_come_back_after_a_resume(joint):
    objective = joint()
    first = objective.collate([0, 1])["tags"]["labels"]
    for _ in range(objective.per_epoch):
        objective.progress(0.5)
    later = objective.collate([0, 1])["tags"]["labels"]
    assert not torch.equal(first, later)
    resumed = joint()
    resumed.load_state(objective.state())
    assert torch.equal(resumed.collate([0, 1])["tags"]["labels"], later)


def test_that_all_arms_see_the_same_punctuation_windows(joint):
    alone, both = joint(pos=False), joint()
    assert torch.equal(alone.collate([3, 1])["marks"]["inputs"], both.collate([3, 1])["marks"]["inputs"])
    assert "tags" not in alone.collate([3, 1])


def test_that_padding_does_not_reach_the_pooled_features():
    features = torch.randn(2, 5, 3)
    mask = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    assert torch.allclose(masked_mean(features, mask)[0], features[0, :3].mean(0))


def test_that_kept_outputs_of_frozen_layers_change_no_answer(backbone, tokenizer):
    params = knobs(backbone)
    model = method.Tagger(backbones.load_encoder(backbone), params, 3)
    marks = readers.load_marks("sample:generated-punctuation", seed=0, generated=20)
    one, reader = stream(tokenizer, marks.dev, readers.MARKS, length=32), Reader(model, choose("cpu"))
    before = reader.probabilities(one, model.punctuation)
    reader.cache(one)
    assert one.lower is not None
    assert np.allclose(reader.probabilities(one, model.punctuation), before, atol=1e-5)


# The whole course ---------------------------------------------------------------------------


def run_one(tmp_path, params, inputs=None):
    declared = recipe("punctuation-adversarial")
    given = {name: slot.default for name, slot in declared.reads.items()} | (inputs or {})
    (tmp_path / "runs").mkdir(exist_ok=True)
    folder = create_run(tmp_path / "runs", RunConfig(declared.id, values_of(params), given, seed=3))
    execute(folder, settings=Settings())
    return folder


@pytest.fixture(scope="module")
def trained(backbone, tmp_path_factory) -> RunFolder:
    """A run long enough to learn that sentences end."""
    params = knobs(backbone, sentences=60, max_steps=60, batch=16, learning_rate=5e-3, frozen_layers=0, window=48)
    folder = run_one(tmp_path_factory.mktemp("trained"), params)
    assert folder.state().phase == "finished", folder.state().problem
    return folder


def test_that_training_lowers_the_loss_and_ends_with_numbers(trained):
    results = trained.state().results
    assert {"dev_f1", "asr_f1", "test_f1_question", "probe_accuracy", "discriminator_accuracy"} <= results.keys()
    losses = [one.value for one in trained.events() if isinstance(one, ev.Metric) and one.series == "train"]
    assert np.mean(losses[-10:]) < 0.8 * np.mean(losses[:10])


def test_that_losses_accuracy_and_chance_stand_in_one_plot(trained):
    series = {one.series for one in trained.events() if isinstance(one, ev.Metric) and one.name == "joint"}
    assert {
        "punctuation loss",
        "part-of-speech loss",
        "discriminator loss",
        "discriminator accuracy",
        "chance",
    } <= series


def test_that_every_declared_slot_is_written_and_readable(trained):
    last = {one.slot: one for one in trained.events() if isinstance(one, ev.Artifact)}
    metrics = {one.name for one in trained.events() if isinstance(one, ev.Metric)}
    assert set(recipe("punctuation-adversarial").writes) <= last.keys() | metrics
    confusion = read(trained.path / last["confusion"].path, ConfusionDoc)
    assert len(confusion.counts) == 4
    spans = read(trained.path / last["examples"].path, SpansDoc)
    assert all(one.end <= len(text.text) for text in spans.texts for one in text.spans + text.gold)
    items = json.loads((trained.path / last["embedding"].parts["items"]).read_text())["items"]
    assert {one["group"] for one in items} == {"punctuation", "parts of speech"}


def test_that_outcomes_of_a_run_give_the_f1_it_told(trained):
    from workbench.runner.verdicts import measured, outcomes

    for slot, metric in (("outcomes", "test_f1"), ("outcomes_asr", "asr_f1")):
        counts, measure = outcomes(trained, slot)
        assert counts.shape == (100, 9)
        assert float(measured(counts.sum(0), len(counts), measure)) == pytest.approx(trained.state().results[metric])


def test_that_predictions_and_metrics_can_be_taken_away(trained):
    lines = (trained.artifacts / "predictions.tsv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "word\ttrue\tpredicted\tscore"
    gold = [line.split("\t")[1] for line in lines[1:]]
    assert set(gold) == set(grammar.MARKS)
    table = json.loads((trained.artifacts / "metrics.json").read_text(encoding="utf-8"))
    assert table["test"]["overall"]["f1"] == pytest.approx(trained.state().results["test_f1"])
    assert table["test"]["question"]["count"] == gold.count("QUESTION")


def test_that_the_saved_model_is_a_backbone_with_branches_beside_it(trained):
    assert BertModel.from_pretrained(trained.model).config.hidden_size == 32
    assert {name.split(".")[0] for name in load_file(trained.model / "branches.safetensors")} == {"punctuation", "pos"}
    card = json.loads((trained.model / "workbench.json").read_text())
    assert card["marks"] == list(grammar.MARKS)


def context():
    return SimpleNamespace(device="cpu", cache={}, log=lambda message: None, cancelled=lambda: False)


def test_that_raw_text_is_punctuated_by_base_and_trained_model(trained):
    job = context()
    raw = "although the guards watch the boats the captain sleeps does she sail"
    answers = apply(job, trained.model, {"text": raw})
    assert msgspec.json.decode(msgspec.json.encode(answers), type=AnswersDoc) == answers
    base, tuned = answers.answers
    assert "Base" in base.model
    assert tuned.model == "Trained"
    for one in (base, tuned):
        assert [word.lower() for word, _ in readers.unpunctuate(one.headline)] == raw.split()
        assert all(0 < span.score <= 1 for span in one.spans.spans)
        assert one.seconds > 0
    assert len(job.cache) == 1
    assert apply(job, trained.model, {"text": raw}).answers[1].headline == tuned.headline


def test_that_marks_of_pasted_text_are_taken_off_and_shown_as_true(trained):
    (_, with_marks), (_, without) = (
        apply(context(), trained.model, {"text": text}).answers for text in ("She sails. Does he?", "she sails does he")
    )
    assert with_marks.headline == without.headline
    assert [one.label for one in with_marks.spans.gold] == ["PERIOD", "QUESTION"]
    assert without.spans.gold == []


def test_that_only_text_whose_sentences_are_independent_is_joined_anew(tmp_path, backbone, tokenizer):
    path = tmp_path / "story.txt"
    made = grammar.sentences("sea", 60, "story")
    path.write_text("".join(f"{w}\t{m}\n" for one in made for w, m in zip(one.words, one.marks, strict=True)), "utf-8")
    for data, times in ((str(path), 1), ("sample:generated-punctuation", 4)):
        job = SimpleNamespace(seed=0, inputs={"data": data}, log=lambda text: None)
        streams = method._load(job, knobs(backbone, orders=4, pos=False), tokenizer, choose("cpu"))
        assert len(streams.train.sentences) == times * len(set(streams.train.sentences))


def test_that_nothing_to_punctuate_is_a_mistake_in_the_text_field(trained):
    with pytest.raises(InputError) as caught:
        apply(context(), trained.model, {"text": " ... "})
    assert caught.value.field == "text"


def test_that_the_trained_model_answers_without_its_backbone(trained, tmp_path):
    card = json.loads((trained.model / "workbench.json").read_text())
    (tmp_path / "m").mkdir()
    for file in trained.model.iterdir():
        (tmp_path / "m" / file.name).write_bytes(file.read_bytes())
    (tmp_path / "m" / "workbench.json").write_text(json.dumps(card | {"backbone": str(tmp_path / "gone")}))
    (only,) = apply(context(), tmp_path / "m", {"text": "she sails"}).answers
    assert only.model == "Trained"


@pytest.mark.parametrize("more", [{"pos": False}, {"init": "random"}, {"branch_lstm": True}, {"lambda_max": 0.0}])
def test_that_every_variant_runs_to_its_end(tmp_path, backbone, more):
    folder = run_one(tmp_path, knobs(backbone, keep_model="lstm" in str(more), **more))
    assert folder.state().phase == "finished", folder.state().problem
    assert ("discriminator_accuracy" in folder.state().results) is more.get("pos", True)


def test_that_the_tagging_task_without_text_is_a_mistake_in_its_slot(tmp_path, backbone):
    state = run_one(tmp_path, knobs(backbone), {"pos": ""}).state()
    assert state.phase == "failed"
    assert state.problem.field == "pos"
    assert state.problem.severity == "input"


def test_that_a_rule_of_words_is_learned_to_the_end(tmp_path, backbone):
    chance, lines = np.random.default_rng(0), []
    words = sorted({word for one in grammar.sentences("sea", 300, "vocabulary") for word in one.words})[::2]
    commas, ends, asks, rest = words[:5], words[5:8], words[8:11], words[11:60]
    for _ in range(150):
        body = [(str(word), "O") for word in chance.choice(rest, 4)] + [(str(chance.choice(commas)), "COMMA")]
        chance.shuffle(body)
        last = (str(chance.choice(asks)), "QUESTION") if chance.random() < 0.3 else (str(chance.choice(ends)), "PERIOD")
        lines += [f"{word}\t{mark}\n" for word, mark in [*body, last]]
    (tmp_path / "rule.txt").write_text("".join(lines), encoding="utf-8")
    params = knobs(backbone, max_steps=60, batch=16, learning_rate=1e-2, frozen_layers=0, pos=False, keep_model=False)
    folder = run_one(tmp_path, params, {"data": str(tmp_path / "rule.txt"), "pos": ""})
    assert folder.state().results["test_f1"] > 0.95


def test_that_own_files_are_learned_from(tmp_path: Path, backbone):
    data, tags = tmp_path / "words.txt", tmp_path / "tags.tsv"
    made = grammar.sentences("sea", 60, "own")
    data.write_text("".join(f"{w}\t{m}\n" for one in made for w, m in zip(one.words, one.marks, strict=True)), "utf-8")
    tagged = grammar.sentences("school", 60, "own tags")
    tags.write_text(
        "\n\n".join("\n".join(map("\t".join, zip(one.words, one.tags, strict=True))) for one in tagged), "utf-8"
    )
    folder = run_one(tmp_path, knobs(backbone), {"data": str(data), "pos": str(tags)})
    assert folder.state().phase == "finished", folder.state().problem
    assert "asr_f1" not in folder.state().results


def test_that_the_claim_gives_every_arm_the_same_budget():
    declared = recipe("punctuation-adversarial")
    arms = {name: values_of(params) for name, params in declared.claim.arms.items()}
    differing = {key for key in arms["B MiniLM"] if len({str(one[key]) for one in arms.values()}) > 1}
    assert differing <= {"init", "pos", "lambda_max", "learning_rate"}
    rates = {name: one["learning_rate"] for name, one in arms.items()}
    assert rates["A random"] == rates["B MiniLM"] == rates["D MiniLM + POS + adversary"]
    assert len({rate for name, rate in rates.items() if name.startswith("A random")}) == 3
    asserted = {one.than for one in declared.claim.statements if one.asserted}
    assert asserted == {name for name in arms if name.startswith("A random")}
