"""The reversal layer is invisible forward and an adversary backward."""

import pytest
import torch

from workbench.engine.reversal import GradientReversal, reverse, schedule


def test_that_features_pass_forward_unchanged():
    features = torch.randn(3, 5)
    assert torch.equal(reverse(features, 0.7), features)


@pytest.mark.parametrize("strength", [0.0, 0.1, 1.0, 2.5])
def test_that_the_gradient_comes_back_reversed_and_scaled(strength):
    features = torch.randn(4, 6, requires_grad=True)
    weights = torch.randn(4, 6)
    (reverse(features, strength) * weights).sum().backward()
    assert torch.allclose(features.grad, -strength * weights)


def test_that_only_what_lies_below_the_layer_is_reversed():
    torch.manual_seed(0)
    below, above, layer = torch.nn.Linear(3, 3), torch.nn.Linear(3, 1), GradientReversal(ceiling=0.5)
    layer.progress(1.0)
    batch = torch.randn(8, 3)
    above(below(batch)).sum().backward()
    plain_below, plain_above = below.weight.grad.clone(), above.weight.grad.clone()
    below.zero_grad()
    above.zero_grad()
    above(layer(below(batch))).sum().backward()
    assert torch.allclose(above.weight.grad, plain_above)
    assert torch.allclose(below.weight.grad, -layer.strength * plain_below)


def test_that_a_descent_step_through_the_layer_raises_the_classifiers_loss():
    torch.manual_seed(0)
    features = torch.randn(16, 4, requires_grad=True)
    classifier, labels = torch.nn.Linear(4, 2), torch.randint(0, 2, (16,))
    loss = torch.nn.functional.cross_entropy
    before = loss(classifier(reverse(features, 1.0)), labels)
    before.backward()
    after = loss(classifier(features.detach() - 0.5 * features.grad), labels)
    assert after > before


def test_that_the_strength_rises_from_zero_to_its_ceiling():
    values = [schedule(step / 10, ceiling=0.1) for step in range(11)]
    assert values[0] == 0.0
    assert values == sorted(values)
    assert values[-1] == pytest.approx(0.1, rel=1e-3)


def test_that_a_ceiling_of_zero_cuts_the_gradient_off():
    layer = GradientReversal(ceiling=0.0)
    layer.progress(1.0)
    features = torch.randn(2, 2, requires_grad=True)
    layer(features).sum().backward()
    assert torch.count_nonzero(features.grad) == 0
