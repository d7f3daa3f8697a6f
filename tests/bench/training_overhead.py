"""What the training loop costs: the same MiniLM, data, batches and steps in fit, a bare loop and Trainer.

python -m tests.bench.training_overhead [--json] [--steps N] [--repeats N] [--device D]

All three start from the same weights and use fused AdamW, clipping at 1 and a linear schedule.
fit writes a real run folder: loss and rate of every step, progress, forecast. Trainer logs at its
default of every 500 steps. Order rotates between repeats; the first round warms up and is dropped.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import json
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch
import transformers

from workbench.core.mixins import MINILM, Training
from workbench.engine import backbones, devices
from workbench.engine.batches import Order, schedule
from workbench.engine.training import fit
from workbench.store.runfolder import RunConfig, create_run
from workbench.worker.job import RunningJob

BATCH, RATE, SEED = 16, 5e-5, 1
WORDS = [
    "the",
    "array",
    "returns",
    "a",
    "new",
    "sparse",
    "matrix",
    "of",
    "given",
    "shape",
    "and",
    "type",
    "along",
    "axis",
]


class Sentences:
    """Random sentences of 8 to 40 words, tokenized once; also the objective that fit is given."""

    def __init__(self, model, tokenizer, examples: int) -> None:
        chance = random.Random(0)
        self.model = model
        texts = [" ".join(chance.choices(WORDS, k=chance.randint(8, 40))) for _ in range(examples)]
        self.rows = tokenizer(texts)["input_ids"]
        self.labels = [chance.randrange(10) for _ in texts]
        self.examples = examples
        self.collator = transformers.DataCollatorWithPadding(tokenizer)

    def __len__(self) -> int:
        return self.examples

    def __getitem__(self, place: int) -> dict:
        return {"input_ids": self.rows[place], "labels": self.labels[place]}

    def collate(self, indices):
        return dict(self.collator([self[place] for place in indices]))

    def weight(self, batch) -> float:
        return len(batch["labels"])

    def loss(self, batch):
        logits = self.model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        return torch.nn.functional.cross_entropy(logits, batch["labels"], reduction="sum")


def bare(data: Sentences, steps: int, place, folder: Path) -> None:
    model, order = data.model, Order(data.examples, BATCH, SEED)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.01, fused=True)
    model.train()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = RATE * schedule(step, steps, 0.0)
        batch = {name: one.to(place.device) for name, one in data.collate(order.batch(step)).items()}
        with place.autocast():
            loss = data.loss(batch) / BATCH
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


def ours(data: Sentences, steps: int, place, folder: Path) -> None:
    job = RunningJob(create_run(folder, RunConfig(recipe="bench", params={}, seed=SEED)))
    params = Training(batch=BATCH, learning_rate=RATE, max_steps=steps, warmup=0.0)
    fit(job, data, params, place=place)
    job.writer.close()


def trainer(data: Sentences, steps: int, place, folder: Path) -> None:
    arguments = transformers.TrainingArguments(
        output_dir=str(folder / "trainer"), per_device_train_batch_size=BATCH, max_steps=steps, learning_rate=RATE,
        weight_decay=0.01, seed=SEED, report_to=[], disable_tqdm=True, save_strategy="no", optim="adamw_torch_fused",
        use_cpu=place.device.type == "cpu", bf16=place.dtype_name == "bf16",
    )  # fmt: skip
    transformers.Trainer(model=data.model, args=arguments, train_dataset=data, data_collator=data.collator).train()


WAYS = {"bare": bare, "fit": ours, "trainer": trainer}


def measure(steps: int, repeats: int, device: str) -> dict:
    devices.set_threads("batch")
    place = devices.choose(device)
    tokenizer = backbones.load_tokenizer(MINILM)
    model = backbones.load_for(MINILM, "sequence", labels=[str(one) for one in range(10)], seed=0)
    start = copy.deepcopy(model.state_dict())
    seconds, busy = {name: [] for name in WAYS}, {name: [] for name in WAYS}
    names = list(WAYS)
    for turn in range(repeats + 1):
        for name in names[turn % 3 :] + names[: turn % 3]:
            model.load_state_dict(start)
            data = Sentences(model.to(place.device), tokenizer, BATCH * max(steps // 2, 1))
            with tempfile.TemporaryDirectory() as folder:
                began, began_busy = time.perf_counter(), time.process_time()
                with contextlib.redirect_stdout(sys.stderr):
                    WAYS[name](data, steps, place, Path(folder))
                    place.synchronize()
                seconds[name].append(time.perf_counter() - began)
                busy[name].append(time.process_time() - began_busy)
    for values in (*seconds.values(), *busy.values()):
        values.pop(0)
    return report(seconds, busy, steps, place)


def report(seconds: dict[str, list[float]], busy: dict[str, list[float]], steps: int, place) -> dict:
    """Ratios are medians of pairs from the same round; processor time is the steadier one under load."""

    def ratio(values: dict[str, list[float]], other: str) -> float:
        return statistics.median(one / two for one, two in zip(values["fit"], values[other], strict=True))

    over_bare, over_trainer = ratio(seconds, "bare"), ratio(seconds, "trainer")
    return {
        "bench": "training_overhead", "device": place.name, "torch": torch.__version__, "steps": steps,
        "batch": BATCH, "repeats": len(seconds["fit"]), "threads": torch.get_num_threads(),
        "median_s": {name: statistics.median(values) for name, values in seconds.items()},
        "least_s": {name: min(values) for name, values in seconds.items()},
        "fit_over_bare": over_bare, "fit_over_trainer": over_trainer,
        "processor_fit_over_bare": ratio(busy, "bare"), "processor_fit_over_trainer": ratio(busy, "trainer"),
        "goal": "fit_over_bare <= 1.03, fit_over_trainer <= 1",
        "met": over_bare <= 1.03 and over_trainer <= 1.0,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    transformers.utils.logging.set_verbosity_error()
    result = measure(given.steps, given.repeats, given.device)
    if given.json:
        print(json.dumps(result))
        return
    for name, value in result["median_s"].items():
        print(f"{name:8} {value:7.3f} s median, {result['least_s'][name]:7.3f} s least, of {given.steps} steps")
    print(
        f"fit / bare {result['fit_over_bare']:.3f} (goal 1.03), fit / Trainer {result['fit_over_trainer']:.3f} (goal 1)"
    )


if __name__ == "__main__":
    main()
