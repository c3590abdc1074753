"""The five terms: second derivatives, and what each of them rewards."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402

from motion_seg_ros.humocon import losses  # noqa: E402
from motion_seg_ros.humocon.modelling import HyperClassifier  # noqa: E402


@pytest.fixture
def classifier() -> HyperClassifier:
    torch.manual_seed(0)
    return HyperClassifier(embedding=4, states=5, width=3, velocity=2).double()


def test_second_derivatives_of_the_classifier_are_right(classifier):
    codes = functional.normalize(torch.randn(3, 4, dtype=torch.float64), dim=1).requires_grad_()
    states = torch.randn(3, 5, dtype=torch.float64).requires_grad_()

    def logits(states, codes):
        return classifier.logits(states, codes)

    assert torch.autograd.gradcheck(logits, (states, codes))
    assert torch.autograd.gradgradcheck(logits, (states, codes))


def test_the_gradient_of_the_velocity_term_is_right(classifier):
    torch.manual_seed(1)
    tokens = torch.tensor([0, 1, 1, 2])
    velocity = torch.randn(4, 2, dtype=torch.float64)
    states = torch.randn(4, 5, dtype=torch.float64).requires_grad_()
    quantised = torch.randn(4, 4, dtype=torch.float64).requires_grad_()
    weight = classifier.hyper[2].weight.detach().clone().requires_grad_()

    def act(states, quantised, weight):
        parameters = {"hyper.2.weight": weight}
        called = _Call(classifier)
        return torch.func.functional_call(
            called,
            {f"classifier.{k}": v for k, v in parameters.items()},
            (states, tokens, quantised, velocity),
        )

    assert torch.autograd.gradcheck(act, (states, quantised, weight), atol=1e-4)
    act(states, quantised, weight).backward()
    # The velocity reaches the encoder by both ways, and the hypernetwork: it is a second derivative.
    assert all(value.grad.abs().max() > 0 for value in (states, quantised, weight))


def test_the_gradient_tells_what_a_concept_does_in_a_pose():
    """Two concepts with the same poses and opposite velocities: nothing but the concept tells them apart."""
    torch.manual_seed(0)
    classifier = HyperClassifier(embedding=4, states=6, width=8, velocity=6)
    tokens = torch.arange(128) % 2
    states = torch.randn(128, 6)
    velocity = states.roll(1, dims=1) * (1 - 2 * tokens[:, None])
    optimiser = torch.optim.Adam([*classifier.parameters()], lr=0.01)

    def act(of: torch.Tensor) -> torch.Tensor:
        asked = states.clone().requires_grad_()
        _, own = losses.discrimination(classifier, asked, of, torch.eye(4)[of])
        return losses.velocity_from_gradient(classifier, own, asked, velocity)

    for _ in range(150):
        optimiser.zero_grad()
        act(tokens).backward()
        optimiser.step()
    assert act(tokens) < 0.3
    assert act(1 - tokens) > 1


class _Call(torch.nn.Module):
    def __init__(self, classifier: HyperClassifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, states, tokens, quantised, velocity):
        _, own = losses.discrimination(self.classifier, states, tokens, quantised)
        return losses.velocity_from_gradient(self.classifier, own, states, velocity)


def test_a_concept_is_told_from_the_others_of_the_batch(classifier):
    tokens = torch.tensor([4, 4, 9])
    quantised = torch.eye(4, dtype=torch.float64)[[0, 0, 1]]
    states = torch.randn(3, 5, dtype=torch.float64)
    loss, own = losses.discrimination(classifier, states, tokens, quantised)
    logits = classifier.logits(states, torch.eye(4, dtype=torch.float64)[:2])
    torch.testing.assert_close(own, logits[[0, 1, 2], [0, 0, 1]])
    torch.testing.assert_close(loss, functional.cross_entropy(logits, torch.tensor([0, 0, 1])))


def test_alignment_is_least_where_each_motion_is_nearest_to_its_own_video():
    right = torch.eye(4)[:, None]
    assert losses.alignment(right, right, 0.07) < 1e-4
    assert losses.alignment(right, right.roll(1, dims=0), 0.07) > 10
    torch.testing.assert_close(
        losses.alignment(right[:1].expand(4, 1, 4), right[:1].expand(4, 1, 4), 0.07).exp(), torch.tensor(4.0)
    )


def test_a_window_in_which_nothing_changes_is_aligned_with_itself():
    still = torch.eye(4)[:, None].expand(4, 3, 4)
    assert losses.alignment(still, still, 0.07) < 1e-4
    # The moments of other windows count, each of them.
    same = still[:1].expand(4, 3, 4)
    torch.testing.assert_close(losses.alignment(same, same, 0.07).exp(), torch.tensor(1.0 + 3 * 3))


def test_names_are_told_where_they_are_known():
    quantised = torch.eye(3)[None, [0, 1, 2]]
    prototypes = 5 * torch.eye(3)
    right = losses.naming(quantised, prototypes, torch.tensor([[0, 1, -1]]), 0.07)
    wrong = losses.naming(quantised, prototypes, torch.tensor([[1, 0, -1]]), 0.07)
    assert right < 1e-4
    assert wrong > 10
    assert losses.naming(quantised, prototypes, torch.tensor([[-1, -1, -1]]), 0.07) == 0


def test_reconstruction_and_commitment_count_only_what_is_there():
    decoded, target = torch.zeros(1, 2, 3), torch.ones(1, 2, 3)
    weight = torch.tensor([[[1.0, 0, 0], [1, 0, 0]]])
    target[..., 1:] = 100
    assert losses.reconstruction(decoded, target, weight) == 1
    codebook = torch.eye(2)
    codes, embeddings = torch.tensor([[0, 1]]), codebook[1].expand(1, 2, 2)
    assert losses.commitment(embeddings, codebook, codes, torch.tensor([[0.0, 1]])) == 0
    assert losses.commitment(embeddings, codebook, codes, torch.tensor([[1.0, 1]])) == 1
