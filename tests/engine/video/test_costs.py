"""Bytes of a step, counted against what can be told by hand."""

import torch

from workbench.engine.devices import choose
from workbench.engine.video import costs

MEGA = 1_000_000
FOUR_MEGA = 4 * MEGA
"""A thousand by a thousand numbers of four bytes."""


def grid():
    return torch.randn(1000, 1000, generator=torch.Generator().manual_seed(0))


def test_that_the_peak_is_what_lives_at_once_and_not_the_sum():
    given = grid()

    def chain():
        held = given * 2
        for _ in range(5):
            held = held + 1  # the one before is freed when the next is there

    assert abs(costs.allocated_peak(chain) - 2 * FOUR_MEGA) < MEGA // 10


def test_that_weights_gradients_state_and_activations_are_counted():
    given = grid()
    model = torch.nn.Linear(1000, 1000, bias=False)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)

    def step():
        model(given).sum().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    found = costs.measure(step, models=[model], optimizer=optimizer, place=choose("cpu"), repeats=1)
    assert found.learning == MEGA
    assert abs(found.held_bytes - 3 * FOUR_MEGA) < MEGA // 10  # weights and AdamW's two means
    # The output and the gradient of the weights at least; the gradient of the output is one number, spread.
    assert found.peak_bytes - found.held_bytes >= FOUR_MEGA
    assert found.seconds > 0


def test_that_what_needs_no_gradient_keeps_no_activations():
    given = grid()
    learned = torch.nn.Sequential(*(torch.nn.Sequential(torch.nn.Linear(1000, 1000), torch.nn.GELU())
                                    for _ in range(4)))  # fmt: skip
    frozen = torch.no_grad()

    def kept():
        learned(given)

    @frozen
    def let_go():
        learned(given)

    assert costs.allocated_peak(kept) > 2 * costs.allocated_peak(let_go)


def test_that_shared_weights_count_once():
    one = torch.nn.Linear(100, 100, bias=False)
    optimizer = torch.optim.AdamW(one.parameters())
    assert costs.held_bytes([one, torch.nn.Sequential(one)], optimizer) == 40_000
