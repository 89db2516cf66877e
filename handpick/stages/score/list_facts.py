"""What explains a list afterwards: factors of users and phones, what rules exclude, weights of modalities.

A published list has the phones that are on it. Why another phone is not, and which model or modality raised a
score, cannot be told from it. These tables keep what the scores and the rules were made of, so that
`list_explanations` gives the night's own numbers for one user, without loading a model.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from handpick.stages.score.champion import Champion, ModalityWeights
from handpick.stages.score.cohorts import KeepFacts
from handpick.stages.score.list_plan import ListPlan
from handpick.stages.score.list_tables import ABOUT_FILE, ARM, MASKS_FILE
from handpick.stages.score.rules.price_band import compute_usual_price
from handpick.stages.score.scorer import Scorer
from models.dataset import FloatArray, IntArray
from models.recommender_interface import Factors

ROW_GROUP_USERS = 512
"""Users in a row group: one of them is read by reading this many."""


class UserFactsWriter:
    """Writes the facts of users, block by block, so that at L the factors are never in memory at once.

    Args:
        folder: Where the files go.
        plan: The night's rules, settings and catalogue.
        scorer: The model.
    """

    def __init__(self, folder: Path, plan: ListPlan, scorer: Scorer) -> None:
        self.folder, self.plan, self.scorer = folder, plan, scorer
        self.usual_price = compute_usual_price(plan.shop).astype(np.float32)
        self._writer: pq.ParquetWriter | None = None
        self._kind = ""

    def write(self, users: IntArray, sources: NDArray[Any], factors: Factors | None) -> None:
        """Write the facts of some users, ascending.

        Args:
            users: Indices into the dataset's users.
            sources: `(users,)` names of the models that scored them.
            factors: Their factors; None for lists by popularity.
        """
        plan, shop = self.plan, self.plan.shop
        weights: ModalityWeights | None = None
        if factors is not None and isinstance(self.scorer, Champion):
            weights = self.scorer.weigh_user_modalities(shop.data, users)
        columns: dict[str, Any] = {
            "user_id": pa.array(shop.data.users.user_ids[users].tolist(), pa.string()),
            "source": pa.array(sources.tolist(), pa.string()),
            "country": shop.countries[1][users],
            "usual_price": self.usual_price[users],
            "factors": _to_lists(None if factors is None else factors.users, len(users)),
            "modalities": _to_lists(None if weights is None else weights.weights, len(users)),
        }
        columns |= {f"kind_{name}": kinds[users] for name, (kinds, _) in plan.rules.kinds.items()}
        for name, pairs in plan.rules.pairs.items():
            own = pairs[users].tocsr().sorted_indices()
            columns[f"pairs_{name}"] = pa.ListArray.from_arrays(
                own.indptr.astype(np.int32), own.indices.astype(np.int32)
            )
        table = pa.table(columns)
        kind = "popularity" if factors is None else "model"
        if self._writer is None or kind != self._kind:
            self.close()
            self._kind = kind
            # Factors hardly ever repeat, and nobody filters by them.
            self._writer = pq.ParquetWriter(
                self.folder / f"{kind}.parquet",
                table.schema,
                compression="zstd",
                use_dictionary=["source"],
                write_statistics=["user_id"],
            )
        self._writer.write_table(table, row_group_size=ROW_GROUP_USERS)

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


class FactFolders(NamedTuple):
    """Where the facts of users and of phones are written."""

    users: Path
    phones: Path


@contextmanager
def keep_facts(
    folders: FactFolders | None, arm: int, plan: ListPlan, scorer: Scorer, by_country: FloatArray
) -> Iterator[KeepFacts | None]:
    """Write the facts of an arm's phones, and yield what writes those of its users, block by block.

    Args:
        folders: Where they go; nowhere if None, which then is yielded.
        arm: Number of the treatment: the users of one share plan and scorer.
        plan: Its rules, settings and catalogue.
        scorer: What scores its users.
        by_country: `(countries, items)` popularity.
    """
    if folders is None:
        yield None
        return
    users, phones = (folder / f"{ARM}{arm:04}" for folder in folders)
    users.mkdir()
    phones.mkdir()
    write_phone_facts(phones, plan, scorer, by_country)
    writer = UserFactsWriter(users, plan, scorer)
    try:
        yield writer.write
    finally:
        writer.close()


def write_phone_facts(folder: Path, plan: ListPlan, scorer: Scorer, by_country: FloatArray) -> None:
    """Write the facts of all phones, the masks of the rules, and what holds for all lists.

    Args:
        folder: Where the files go.
        plan: The night's rules, settings and catalogue.
        scorer: The model.
        by_country: `(countries, items)` popularity.
    """
    shop, items = plan.shop, len(plan.shop.data.catalogue)
    champion = scorer if isinstance(scorer, Champion) else None
    weights = champion.weigh_item_modalities(shop.data) if champion else None
    factors = scorer.factors(shop.data, np.zeros(0, np.int64)).items
    users = champion.weigh_user_modalities(shop.data, np.zeros(0, np.int64)) if champion else None
    table = pa.table(
        {
            "item_id": pa.array(shop.data.catalogue.item_ids.tolist(), pa.string()),
            "title": pa.array(shop.title.tolist(), pa.string()),
            "brand": plan.phones.brand,
            "model": plan.phones.model,
            "factors": _to_lists(factors, items),
            "modalities": _to_lists(None if weights is None else weights.weights, items),
            "popularity": _to_lists(np.ascontiguousarray(by_country.T), items),
            "boost": _to_lists(np.ascontiguousarray(plan.boosts.T), items),
        }
    )
    pq.write_table(table, folder / "part-00000.parquet", compression="zstd", use_dictionary=False)
    masks: dict[str, Any] = {name: mask[None, :] for name, mask in plan.rules.items.items()}
    masks |= {name: mask for name, (_, mask) in plan.rules.kinds.items()}
    np.savez_compressed(folder / MASKS_FILE, **masks)
    about = {
        "terms": champion.list_terms(shop.data) if champion else [],
        "item_modalities": [] if weights is None else list(weights.names),
        "user_modalities": [] if users is None else list(users.names),
        "score": plan.score_settings.model_dump(mode="json"),
        "rules": plan.rule_settings.model_dump(mode="json"),
    }
    (folder / ABOUT_FILE).write_text(json.dumps(about, sort_keys=True), encoding="utf-8")


def _to_lists(rows: FloatArray | None, count: int) -> pa.FixedSizeListArray | pa.Array:
    """Return the rows of a matrix as lists of a fixed size; nulls where there is none."""
    if rows is None:
        return pa.nulls(count, pa.list_(pa.float32(), 1))
    values = np.ascontiguousarray(rows, np.float32)
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])
