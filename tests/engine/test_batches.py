from __future__ import annotations

from itertools import chain

import pytest

from workbench.engine.batches import Order, schedule


def test_that_any_step_can_be_asked_first():
    order, fresh = Order(100, 7, seed=1), Order(100, 7, seed=1)
    steps = [order.batch(step) for step in range(45)]
    assert [fresh.batch(step) for step in reversed(range(45))] == steps[::-1]


def test_that_lengths_put_similar_examples_together_and_lose_none():
    lengths = [(place * 37) % 101 for place in range(500)]
    order = Order(500, 10, seed=1, lengths=lengths)
    batches = [order.batch(step) for step in range(50)]
    assert sorted(chain(*batches)) == list(range(500))
    padded = sum(max(lengths[one] for one in batch) * len(batch) for batch in batches)
    plain = Order(500, 10, seed=1)
    unsorted = sum(max(lengths[one] for one in plain.batch(step)) * 10 for step in range(50))
    assert padded < 0.65 * unsorted
    means = [sum(lengths[one] for one in batch) for batch in batches]
    assert means != sorted(means)


def test_that_the_rate_rises_then_falls_to_nothing():
    factors = [schedule(step, 100, 0.1) for step in range(101)]
    assert factors[:10] == pytest.approx([(one + 1) / 10 for one in range(10)])
    assert max(factors) == factors[9] == factors[10] == 1.0
    assert factors[100] == 0.0
    assert schedule(0, 1, 1.0) == schedule(0, 1, 0.0) == 1.0
