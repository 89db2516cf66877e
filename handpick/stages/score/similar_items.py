"""The list `similar_items`: the most similar phones of each phone."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from scipy import sparse

from handpick.stages.score.distinct_models import find_distinct_models
from handpick.stages.score.explanation_templates import choose_language
from handpick.stages.score.explanations import explain_similarity
from handpick.stages.score.item_metadata import ScoringData
from handpick.stages.score.phone_comparison import PhoneComparer
from handpick.stages.score.variants import VariantNamer
from models.dataset import FloatArray, IntArray
from models.recommender_interface import Factors
from models.topn.exact import TopN, find_top_n


def normalise_rows_in_float64(vectors: FloatArray) -> FloatArray:
    """Divide vectors by their lengths, which are computed in float64; a vector of length zero stays zero.

    `models.row_normalisation.normalise_rows` computes lengths in float32, which gives other last bits.
    """
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def build_similar_lists(
    shop: ScoringData, vectors: FloatArray, n: int, locale: str, currency: str, namer: VariantNamer
) -> pa.Table:
    """Build `lists/similar_items`: the n sellable phones with the highest cosine to each phone.

    The phone itself and its variants are excluded, and of another model only the most similar variant stands.

    Args:
        shop: The night's dataset and metadata.
        vectors: `(items, d) float32` unit vectors.
        n: Length of the lists.
        locale: Language of the explanations.
        currency: Currency of the prices.
        namer: Names the other variants of a phone.
    """
    items = len(shop.data.catalogue)
    member = sparse.csr_matrix(
        (np.ones(items, np.int32), (np.arange(items), shop.model)), shape=(items, int(shop.model.max()) + 1)
    )
    # The product of the membership matrix with its transpose links every phone to itself and its variants.
    variants = sparse.csr_matrix(member @ member.T)

    def find(some: IntArray, size: int) -> TopN:
        return find_top_n(
            Factors(vectors[some], vectors),
            size,
            exclude=variants[some],
            allowed=shop.data.catalogue.is_sellable,
        )

    best = find_distinct_models(find, items, n, shop.model)
    rows, place = np.nonzero(best.items >= 0)
    others = best.items[rows, place]
    language = choose_language(locale, (locale,))
    comparer = PhoneComparer(shop, currency)
    return pa.table(
        {
            "item_id": pa.array(shop.data.catalogue.item_ids[rows].tolist(), pa.string()),
            "rank": (place + 1).astype(np.int16),
            "similar_item_id": pa.array(shop.data.catalogue.item_ids[others].tolist(), pa.string()),
            "score": best.scores[rows, place],
            "reason": pa.array(
                [
                    explain_similarity(comparer, item, other, language)
                    for item, other in zip(rows.tolist(), others.tolist(), strict=True)
                ],
                pa.string(),
            ),
            "phone_variants": pa.array(
                [namer.name_others(other, None) for other in others.tolist()], pa.string()
            ),
        }
    )
