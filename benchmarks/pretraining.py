"""Measures each pretraining objective downstream, with and without it, on the demo shop and MovieLens-100k.

MovieLens has text (titles and genres) and interactions. Each user's latest fifth of the ratings is held out;
films are ranked by text similarity to the user's other films, or by an autoencoder's reconstruction of the
history.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy import sparse

from benchmarks.benchmark import DATA
from handpick.pipeline.registry import list_nightly_names
from models.dataset import FloatArray
from models.encoders.text import HuggingFaceTextEncoder
from models.pretraining.config import TEXT_OBJECTIVES, RowsPretraining, TextPretraining
from models.pretraining.objective_ablation import (
    ObjectiveResult,
    compare_autoencoders,
    compare_objectives,
    evaluate_profiles,
)
from models.pretraining.shop_bert import pretrain_bert

STAGES = list_nightly_names(through="warehouse")
RUNG = os.environ.get("RUNG", "S")
HELD_OUT = 0.2
SEED = 7


def measure() -> dict[str, Any]:
    """Measure NDCG@20 without and with each objective, on both data sets."""
    return {
        "rung": RUNG,
        **_result_values("demo", measure_demo()),
        **_result_values("movielens", measure_movielens_objectives()),
    }


def measure_movielens_alone() -> dict[str, Any]:
    """Measure NDCG@20 without and with each objective on MovieLens-100k alone."""
    return _result_values("movielens", measure_movielens_objectives())


def measure_demo() -> list[ObjectiveResult]:
    """Return the results of `handpick pretrain` on the first night's marts of a fresh demo shop."""
    from handpick.cli.prepare_input import prepare_input
    from handpick.night import Night
    from handpick.pipeline.runner import run_stage
    from handpick.settings.load import Settings
    from handpick.stages.pretrain.public import rows_to_results

    with tempfile.TemporaryDirectory(prefix="handpick-pretraining-") as folder:
        settings = Settings(home=Path(folder))
        night = Night(settings, prepare_input(settings, RUNG, None))
        for stage in STAGES:
            run_stage(stage, night)
        return rows_to_results(run_stage("pretrain", night).notes["objectives"])


def measure_movielens_objectives() -> list[ObjectiveResult]:
    """Return the results of the text objectives and both autoencoders on MovieLens-100k."""
    films, ratings = _load_films(), _load_ratings()
    places = pd.Index(films["id"])  # film id to row
    order = ratings.sort_values(["user", "at"], kind="stable")
    rank = order.groupby("user").cumcount()
    is_later = rank >= (1 - HELD_OUT) * order.groupby("user")["at"].transform("size")
    history, relevant = (
        _build_matrix(part["user"].to_numpy() - 1, places.get_indexer(part["film"]), len(films))
        for part in (order[~is_later], order[is_later])
    )
    texts = films["text"].tolist()
    config = TextPretraining()
    vectors: dict[tuple[Any, ...], FloatArray] = {}

    def quality(objectives: tuple[Any, ...]) -> float:
        vectors[objectives] = _encode_texts(texts, config, objectives)
        return evaluate_profiles(history, vectors[objectives], relevant)

    results = compare_objectives(
        "films for users, by text", history.shape[0], config.objectives, TEXT_OBJECTIVES, quality
    )
    content = vectors[config.objectives]
    content = (content - content.mean(0)) / np.maximum(content.std(0), 1e-3)
    return results + compare_autoencoders(history, content, relevant, RowsPretraining(), SEED)


def _encode_texts(texts: list[str], config: TextPretraining, objectives: tuple[Any, ...]) -> FloatArray:
    steps = config.steps if objectives else 0
    chosen = config.model_copy(update={"objectives": objectives, "steps": steps})
    with tempfile.TemporaryDirectory() as folder:
        pretrain_bert(texts, chosen, SEED).save(Path(folder))
        return HuggingFaceTextEncoder(folder, device="cpu").encode(texts)


def _load_films() -> pd.DataFrame:
    """Return the id and text of each film: title, genres, year."""
    table = pd.read_csv(DATA / "movielens-100k" / "ml-100k.item", sep="\t").fillna("")
    table.columns = [name.split(":")[0] for name in table.columns]
    genres = table["class"].str.replace(" ", ", ")
    return pd.DataFrame(
        {
            "id": table["item_id"],
            "text": table["movie_title"] + ". " + genres + ". " + table["release_year"].astype(str),
        }
    )


def _load_ratings() -> pd.DataFrame:
    table = pd.read_csv(DATA / "movielens-100k" / "ml-100k.inter", sep="\t")
    table.columns = ["user", "film", "rating", "at"]
    return table


def _build_matrix(users: Any, films: Any, width: int) -> sparse.csr_matrix:
    return sparse.csr_matrix(
        (np.ones(len(users), np.float32), (users, films)), shape=(users.max() + 1, width)
    )


def _result_values(where: str, results: list[ObjectiveResult]) -> dict[str, Any]:
    """Return NDCG@20 without and with each objective, their ratio, and the number of cases."""
    figures: dict[str, Any] = {f"{where}_threads": torch.get_num_threads()}
    for result in results:
        key = f"{where}_{result.objective}_{result.task.split()[-1]}"
        figures[f"{key}_without"], figures[f"{key}_with"] = result.ndcg_without, result.ndcg_with
        figures[f"{key}_cases"] = result.case_count
        if result.ndcg_without:
            figures[f"{key}_ratio"] = result.ndcg_with / result.ndcg_without
    return figures
