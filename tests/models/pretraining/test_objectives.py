"""The pretraining objectives against calculations by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import sparse

from models.pretraining.autoencoder import compute_reconstruction_loss
from models.pretraining.config import RowsPretraining
from models.pretraining.info_nce import compute_info_nce
from models.pretraining.masked_language import IGNORED_LABEL, mask_tokens
from models.pretraining.next_sentence import choose_second_sentences, pair_sentences
from models.pretraining.objective_ablation import compare_objectives, evaluate_profiles, evaluate_search
from models.pretraining.variational import compute_beta, compute_kl_divergence


def test_info_nce_of_two_pairs_by_hand() -> None:
    left, right = torch.eye(2), torch.tensor([[0.6, 0.8], [0.0, 1.0]])
    # cosines over a temperature of 0.5: [[1.2, 0], [1.6, 2]]
    rows = [math.log(1 + math.exp(0 - 1.2)), math.log(1 + math.exp(1.6 - 2))]
    columns = [math.log(1 + math.exp(1.6 - 1.2)), math.log(1 + math.exp(0 - 2))]
    expected = (sum(rows) / 2 + sum(columns) / 2) / 2
    assert float(compute_info_nce(left, right, 0.5)) == pytest.approx(expected, abs=1e-6)


def test_info_nce_is_symmetric_and_takes_equal_labels_for_partners() -> None:
    torch.manual_seed(0)
    left, right = (torch.nn.functional.normalize(torch.randn(5, 8), dim=1) for _ in range(2))
    assert torch.isclose(compute_info_nce(left, right, 0.1), compute_info_nce(right, left, 0.1))
    twins = torch.nn.functional.normalize(torch.randn(1, 8), dim=1).expand(2, 8)
    told_apart = compute_info_nce(twins, twins, 0.1)
    partners = compute_info_nce(twins, twins, 0.1, torch.tensor([4, 4]))
    assert float(told_apart) == pytest.approx(math.log(2), abs=1e-6)
    assert float(partners) == pytest.approx(math.log(2), abs=1e-6)
    alike = torch.cat([twins, -twins[:1]])
    # the best that can be done with twins told apart is log 2 for them; as partners nothing is gained by parting them
    parted = torch.cat([twins[:1], torch.roll(twins[:1], 1, 1), -twins[:1]])
    labels = torch.tensor([0, 0, 1])
    assert compute_info_nce(alike, alike, 0.1, labels) < compute_info_nce(parted, parted, 0.1, labels)


def test_fifteen_of_a_hundred_tokens_are_chosen_and_eighty_percent_of_those_masked() -> None:
    ids = torch.randint(5, 1000, (400, 100), generator=torch.Generator().manual_seed(0))
    special = torch.zeros_like(ids, dtype=torch.bool)
    special[:, 0] = True
    hidden, answers = mask_tokens(ids, special, 0.15, 4, 1000, torch.Generator().manual_seed(1))
    asked = answers != IGNORED_LABEL
    assert asked[:, 1:].float().mean() == pytest.approx(0.15, abs=0.01)
    assert not asked[:, 0].any()
    assert (answers[asked] == ids[asked]).all()
    assert (hidden[~asked] == ids[~asked]).all()
    masked, stayed = hidden[asked] == 4, hidden[asked] == ids[asked]
    assert masked.float().mean() == pytest.approx(0.8, abs=0.02)
    assert stayed.float().mean() == pytest.approx(0.1, abs=0.02)


def test_half_of_the_second_sentences_are_of_another_pair() -> None:
    shown, follows = choose_second_sentences(4000, torch.Generator().manual_seed(0))
    assert follows.float().mean() == pytest.approx(0.5, abs=0.03)
    assert (shown[follows] == torch.arange(4000)[follows]).all()
    assert (shown[~follows] != torch.arange(4000)[~follows]).all()


def test_neighbouring_sentences_are_pairs_in_both_languages() -> None:
    assert pair_sentences(["One. Two! Three"]) == [("One.", "Two!"), ("Two!", "Three")]
    assert pair_sentences(["红色。电池大"]) == [("红色。", "电池大")]
    assert pair_sentences(["alone"]) == []


def test_the_divergence_from_the_standard_normal_by_hand() -> None:
    mean, log_variance = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, math.log(4.0)]])
    # KL(N(1, 1)) = 1/2; KL(N(0, 4)) = (4 - 1 - log 4) / 2
    assert float(compute_kl_divergence(mean, log_variance)) == pytest.approx(
        0.5 + (3 - math.log(4)) / 2, abs=1e-6
    )
    assert float(compute_kl_divergence(torch.zeros(3, 2), torch.zeros(3, 2))) == 0


def test_the_divergence_counts_more_and_more_up_to_its_final_weight() -> None:
    config = RowsPretraining(steps=100, annealing=0.5, final_beta=0.2)
    assert [compute_beta(step, config) for step in (0, 25, 50, 99)] == pytest.approx([0, 0.1, 0.2, 0.2])
    assert compute_beta(0, config.model_copy(update={"annealing": 0.0})) == 0.2


def test_reconstruction_of_counts_and_of_measurements_by_hand() -> None:
    told, wanted = torch.tensor([[0.0, math.log(3.0)]]), torch.tensor([[1.0, 1.0]])
    assert float(compute_reconstruction_loss(told, wanted, True)) == pytest.approx(
        -math.log(0.25) - math.log(0.75), abs=1e-6
    )
    measured = compute_reconstruction_loss(torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 0.0]]), False)
    assert float(measured) == pytest.approx(2.5)


def test_ndcg_counts_items_near_the_query_and_excludes_what_the_user_has() -> None:
    items = np.eye(3, dtype=np.float32)
    wanted = sparse.csr_matrix(np.array([[1, 0, 0]], np.float32))
    assert evaluate_search(items[:1], items, wanted) == 1
    assert evaluate_search(items[1:2], items, wanted) == pytest.approx(1 / math.log2(3))
    history = sparse.csr_matrix(np.array([[0, 1, 0]], np.float32))
    vectors = np.array([[1, 0.1], [1, 0], [-1, 0]], np.float32)
    assert evaluate_profiles(history, vectors, wanted) == 1


def test_each_objective_is_compared_with_the_others_as_configured() -> None:
    measured = []

    def quality(objectives: tuple[str, ...]) -> float:
        measured.append(objectives)
        return float(len(objectives))

    found = compare_objectives("task", 5, ["a", "b"], ["a", "b", "c"], quality)
    assert [(worth.objective, worth.ndcg_without, worth.ndcg_with) for worth in found] == [
        ("a", 1, 2),
        ("b", 1, 2),
        ("c", 2, 3),
    ]
    assert len(measured) == len(set(measured)) == 4
