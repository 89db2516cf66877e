"""Content codes: whitened, reproducible, computed for new items, and left out where none can be learned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from models.config import ContentConfig, RowsPretraining
from models.content import ContentBased
from models.content_code import ITEMS_PER_DIMENSION, MIN_DIM, encode_content, fit_content_code
from models.dataset import Dataset, Modality
from models.pretraining.autoencoder import compute_codes, export_encoder, fit_whitening, pretrain_autoencoder
from models.pretraining.objective_ablation import concatenate_codes, evaluate_profiles
from models.row_normalisation import normalise_rows
from tests.models.collaborative.shop import shop

NAMES = ["specs", "text"]
ROWS = RowsPretraining(hidden=32, steps=150, batch=32)
CONFIG = ContentConfig(rows=ROWS)
NOBODY = np.zeros(0, np.int64)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return shop(users=40, items=80)


def lacking(data: Dataset, name: str, item: int) -> Dataset:
    """Return the data with one item's modality missing."""
    kept = np.arange(len(data.catalogue)) != item
    modalities = {**data.catalogue.modalities, name: data.catalogue.modalities[name].masked(kept)}
    return replace(data, catalogue=replace(data.catalogue, modalities=modalities))


def test_whitened_codes_spread_alike_in_every_direction_that_has_spread() -> None:
    random = np.random.default_rng(0)
    told = random.standard_normal((400, 4)) * [9, 1, 0.1, 0] @ random.standard_normal((4, 4))
    mean, turn = fit_whitening(np.asarray(told, np.float32))
    white = (told - mean) @ turn
    assert np.allclose(white.mean(axis=0), 0, atol=1e-3)
    assert np.allclose(np.sort(np.diag(np.cov(white.T))), [0, 1, 1, 1], atol=0.02)
    assert np.allclose(np.cov(white.T) - np.diag(np.diag(np.cov(white.T))), 0, atol=0.02)


def test_the_layers_for_numpy_tell_the_codes_of_torch() -> None:
    rows = np.random.default_rng(0).standard_normal((30, 7)).astype(np.float32)
    module, _ = pretrain_autoencoder(rows, RowsPretraining(hidden=9, dim=3, steps=20), 7, is_counts=False)
    inner, inner_bias, outer, outer_bias = export_encoder(module)
    told = np.tanh(normalise_rows(rows) @ inner + inner_bias) @ outer + outer_bias
    assert np.allclose(told, compute_codes(module, rows), atol=1e-5)


@pytest.mark.parametrize("kind", ["autoencoder", "variational"])
def test_each_phone_with_content_gets_a_code_even_one_that_lacks_a_side(data: Dataset, kind: str) -> None:
    learned = fit_content_code(data, NAMES, kind, ROWS, 7)  # type: ignore[arg-type]
    again = fit_content_code(data, NAMES, kind, ROWS, 7)  # type: ignore[arg-type]
    assert all(np.array_equal(learned[name], again[name]) for name in learned)
    whole = encode_content(learned, data, NAMES)
    one_side = encode_content(learned, lacking(data, "text", 3), NAMES)
    nothing = encode_content(learned, lacking(lacking(data, "text", 3), "specs", 3), NAMES)
    assert whole is not None and one_side is not None and nothing is not None
    assert whole.shape == (80, 80 // ITEMS_PER_DIMENSION)
    assert np.allclose(np.linalg.norm(whole, axis=1), 1, atol=1e-5)
    assert np.isclose(np.linalg.norm(one_side[3]), 1, atol=1e-5) and not np.allclose(one_side[3], whole[3])
    assert not nothing[3].any() and np.allclose(nothing[4], whole[4])


def test_a_phone_that_came_after_the_fit_has_the_code_of_its_content(data: Dataset) -> None:
    first = {name: one.take(np.arange(70)) for name, one in data.catalogue.modalities.items()}
    before = replace(data, catalogue=replace(data.catalogue, modalities=first))
    learned = fit_content_code(before, NAMES, "autoencoder", ROWS, 7)
    told, known = encode_content(learned, data, NAMES), encode_content(learned, before, NAMES)
    assert told is not None and known is not None
    # Products of matrices of other heights end in other last digits, and how many differ depends on the processor.
    assert np.allclose(told[:70], known, atol=1e-5) and np.allclose(
        np.linalg.norm(told[70:], axis=1), 1, atol=1e-5
    )


def test_no_code_of_few_phones_of_none_or_of_content_of_another_width(data: Dataset) -> None:
    few = shop(users=10, items=ITEMS_PER_DIMENSION * MIN_DIM - 1)
    assert fit_content_code(few, NAMES, "autoencoder", ROWS, 7) == {}
    assert fit_content_code(data, NAMES, "none", ROWS, 7) == {}
    assert encode_content({}, data, NAMES) is None
    learned = fit_content_code(data, NAMES, "autoencoder", ROWS, 7)
    assert encode_content(learned, data, ["specs"]) is None


def test_content_scores_by_its_code_and_keeps_it_when_saved(data: Dataset, tmp_path: Path) -> None:
    users = np.arange(len(data.users))
    fitted = ContentBased(CONFIG).fit(data, 7)
    fitted.save(tmp_path)
    assert np.array_equal(ContentBased.load(tmp_path).score(data, users), fitted.score(data, users))
    plain = ContentBased(CONFIG.model_copy(update={"code": "none"})).fit(data, 7)
    weightless = ContentBased(CONFIG.model_copy(update={"code_weight": 0.0})).fit(data, 7)
    assert np.allclose(weightless.score(data, users), plain.score(data, users))
    assert not np.allclose(fitted.score(data, users), plain.score(data, users))


def test_an_encoder_of_another_width_leaves_the_code_out_until_the_next_fit(data: Dataset) -> None:
    fitted = ContentBased(CONFIG).fit(data, 7)
    text = data.catalogue.modalities["text"]
    wider = Modality(np.hstack([text.values, text.values]), text.present)
    changed = {**data.catalogue.modalities, "text": wider}
    now = replace(data, catalogue=replace(data.catalogue, modalities=changed))
    plain = ContentBased(CONFIG.model_copy(update={"code": "none"})).fit(data, 7)
    assert np.allclose(fitted.factors(now, NOBODY).items, plain.factors(now, NOBODY).items)


def test_a_code_helps_where_one_loud_trait_drowns_what_people_choose_by() -> None:
    random = np.random.default_rng(0)
    traits = random.standard_normal((300, 4))
    loud = random.standard_normal((300, 1))
    content = np.hstack([traits, np.repeat(loud, 24, axis=1) + 0.2 * random.standard_normal((300, 24))])
    liking = random.standard_normal((120, 4)) @ traits.T
    best = np.argsort(-liking, axis=1)[:, :20]
    history, wanted = (marked(best[:, part]) for part in (slice(0, 20, 2), slice(1, 20, 2)))
    standardised = ((content - content.mean(0)) / content.std(0)).astype(np.float32)
    rows = RowsPretraining(hidden=64, dim=8, steps=400)
    module, _ = pretrain_autoencoder(standardised, rows, 7, is_counts=False)
    told = compute_codes(module, standardised)
    as_told = np.hstack([normalise_rows(standardised), normalise_rows(told - told.mean(axis=0))])
    whitened = evaluate_profiles(history, concatenate_codes(standardised, told), wanted)
    assert whitened > 1.05 * evaluate_profiles(history, standardised, wanted)
    assert whitened > 1.05 * evaluate_profiles(history, as_told, wanted)


def marked(chosen: np.ndarray) -> sparse.csr_matrix:
    """Return `(users, 300)` with 1 where a user chose."""
    users = np.repeat(np.arange(len(chosen)), chosen.shape[1])
    return sparse.csr_matrix(
        (np.ones(chosen.size, np.float32), (users, chosen.ravel())), shape=(len(chosen), 300)
    )
