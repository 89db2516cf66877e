"""Reads MovieLens-1M with posters and plots (the LightGCN++ split), encodes it, and builds datasets of it.

The split has no times: each user's films are taken in a random order and spread over `DAYS` days, so that a
model that learns from what users chose next has something to learn from.
"""

from __future__ import annotations

import csv
import re
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from benchmarks.benchmark import DATA
from benchmarks.public_interactions import build_dataset
from benchmarks.sequence import STATE_FOLDER
from models.dataset import DAY_SECONDS, BoolArray, Dataset, Interactions, Modality

FOLDER = DATA / "movielens-1m-posters"
USERS, FILMS = 6039, 3628
DAYS, FIRST_DAY = 6, 20_000
ENCODING_SEED = 7
YEAR_SECONDS = 365.25 * DAY_SECONDS
Row = dict[str, str]


def read_part(name: str) -> sparse.csr_matrix:
    """Return `(users, films)` with a one for each pair of `train`, `valid` or `test`."""
    lines = [line.split() for line in (FOLDER / "lightgcnpp" / f"{name}.txt").read_text().splitlines()]
    user = np.concatenate([np.full(len(line) - 1, int(line[0])) for line in lines])
    film = np.array([int(word) for line in lines for word in line[1:]])
    matrix: sparse.csr_matrix = sparse.csr_matrix(
        (np.ones(len(user), np.float32), (user, film)), shape=(USERS, FILMS)
    )
    matrix.sum_duplicates()
    return matrix


def read_films() -> list[Row]:
    """Return the description of each film, in the order of the split's columns."""
    with (FOLDER / "items.tsv").open(newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        described = {row["movieId"]: row for row in rows}
    lines = (FOLDER / "lightgcnpp" / "item_map.tsv").read_text().splitlines()[1:]
    return [described[line.split("\t")[1]] for line in lines]


def read_year(film: Row) -> int:
    """Return the year at the end of a title, `Toy Story (1995)`."""
    return int(film["title"][-5:-1])


def make_texts(films: Sequence[Row]) -> list[str]:
    """Return title, plot and genres of each film as one text."""
    # "Matrix, The (1999)": the article belongs before the title
    title = [re.sub(r"^(.*), (\w+)( \(\d{4}\))$", r"\2 \1\3", film["title"]) for film in films]
    return [
        f"{name}. {_drop_unknown(film['plot'])} {film['genres'].replace('|', ', ')}."
        for name, film in zip(title, films, strict=True)
    ]


def make_sheets(films: Sequence[Row]) -> list[dict[str, Any]]:
    """Return year, country, language, genres and people of each film as a specification sheet."""
    return [
        {
            "year": float(read_year(film)),
            "country": _drop_unknown(film["country"]).split(",")[0],
            "language": _drop_unknown(film["language"]).split(",")[0],
            "genres": film["genres"].split("|"),
            "people": [
                name.strip()
                for key in ("director", "actors")
                for name in _drop_unknown(film[key]).split(",")
                if name.strip()
            ],
        }
        for film in films
    ]


def encode_films(films: Sequence[Row]) -> dict[str, Modality]:
    """Encode texts, posters and sheets as the stage `embed` does, with the default settings.

    The text encoder and the image encoder are pretrained on these films alone. The vectors are kept in
    `var/benchmarks`.
    """
    kept = STATE_FOLDER / "movielens-1m-content.npz"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept.with_suffix(".new.npz"), allow_pickle=False, **_encode_content(films))
        kept.with_suffix(".new.npz").replace(kept)
    with np.load(kept) as vectors:
        return {
            "text": Modality(vectors["text"], np.ones(FILMS, bool), "text"),
            "image": Modality(vectors["image"], vectors["has_image"], "image"),
            "specs": Modality(vectors["specs"].astype(np.float32), np.ones(FILMS, bool), "specs"),
        }


def build_films_dataset(
    train: sparse.csr_matrix, films: Sequence[Row], content: dict[str, Modality], seed: int
) -> Dataset:
    """Return the training pairs as events of `DAYS` days, each user's in a random order.

    Args:
        train: `(users, films)`; films without an entry are unknown to all that learns by identity.
        films: Their descriptions, of which the director (as brand) and the year are read.
        content: Vectors by modality.
        seed: Seed of the order.
    """
    pairs = train.tocoo()
    user, film = pairs.row.astype(np.int64), pairs.col.astype(np.int64)
    order = np.lexsort((np.random.default_rng(seed).random(len(user)), user))
    user, film = user[order], film[order]
    place = np.arange(len(user)) - np.searchsorted(user, user)
    day = FIRST_DAY + place * DAYS // np.bincount(user)[user]
    events = Interactions(
        user,
        film,
        np.full(len(user), 1, np.int8),
        np.ones(len(user), np.float32),
        (day * DAY_SECONDS).astype(np.int64),
    )
    data = build_dataset(events, train.shape[0], train.shape[1])
    years = np.array([read_year(film) for film in films])
    return replace(
        data,
        as_of=(FIRST_DAY + DAYS) * DAY_SECONDS,
        catalogue=replace(
            data.catalogue,
            modalities=content,
            brand=np.array([_drop_unknown(film["director"]) for film in films]),
            released_at=((years - 1970) * YEAR_SECONDS).astype(np.int64),
        ),
    )


def draw_cold_films(seed: int, share: float = 0.1) -> BoolArray:
    """Return `(films,)` True for a random share of the films."""
    cold = np.zeros(FILMS, bool)
    cold[np.random.default_rng(seed).choice(FILMS, round(share * FILMS), replace=False)] = True
    return cold


def _encode_content(films: Sequence[Row]) -> dict[str, np.ndarray]:
    from models.encoders.cnn import ShopImageEncoder, save_shop_image
    from models.encoders.encoder_names import MINILM
    from models.encoders.image import decode_image
    from models.encoders.specs import SpecsEncoder
    from models.encoders.text import ConcatenatedTextEncoder, HuggingFaceTextEncoder
    from models.pretraining.config import ImagePretraining, TextPretraining
    from models.pretraining.image_views import pretrain_image
    from models.pretraining.shop_bert import pretrain_bert

    texts, sheets = make_texts(films), make_sheets(films)
    specs = SpecsEncoder.fit(sheets, ["year"], ["country", "language"], ["genres", "people"], 64)
    posters = [FOLDER / "posters" / f"{film['movieId']}.jpg" for film in films]
    has_image = np.array([poster.exists() for poster in posters])
    pictures = [decode_image(poster.read_bytes()) for poster in posters if poster.exists()]
    with tempfile.TemporaryDirectory() as folder:
        bert, cnn = Path(folder) / "bert", Path(folder) / "cnn"
        pretrain_bert(texts, TextPretraining(), ENCODING_SEED).save(bert)
        names = [HuggingFaceTextEncoder(name, device="cpu") for name in (MINILM, str(bert))]
        text = ConcatenatedTextEncoder(names).encode(texts)
        module, _ = pretrain_image(pictures, None, ImagePretraining(), ENCODING_SEED)
        save_shop_image(module, cnn, {})
        vectors = ShopImageEncoder(cnn, "cpu").encode(pictures)
    image = np.zeros((len(films), vectors.shape[1]), np.float32)
    image[has_image] = vectors
    return {"text": text, "image": image, "has_image": has_image, "specs": specs.encode(sheets)}


def _drop_unknown(value: str) -> str:
    return "" if value in ("N/A", "None") else value
