"""What a trained network expects of the data, by name; what changes from night to night is matched, the rest refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from models.data import Dataset, Modality

ITEM_MODALITIES = ("text", "image", "specs")
QUERY_MODALITIES = ("text", "image", "audio")
SPACE_OF = {"text": "text", "image": "image", "audio": "text"}
"""In whose space a query's modality lives: spoken phrases are encoded where the written ones are."""


class Mismatch(ValueError):
    """A model was trained on other encoders or features than the data has; the message is one line."""


@dataclass(frozen=True)
class Signature:
    """The shapes and vocabularies of a network.

    Args:
        items: Content modalities of phones: width and fingerprint of the encoder.
        queries: The same of queries.
        feature_names: Columns of the users' features.
        item_ids: Phones that have an identity embedding, by its row.
        brands, countries, locales: Vocabularies; row 0 of their embeddings is for what is not in them.
    """

    items: Mapping[str, tuple[int, str]]
    queries: Mapping[str, tuple[int, str]]
    feature_names: tuple[str, ...]
    item_ids: tuple[str, ...]
    brands: tuple[str, ...]
    countries: tuple[str, ...]
    locales: tuple[str, ...]

    def to_json(self) -> str:
        """As text that `from_json` reads."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Signature:
        """Read back what `to_json` wrote."""
        told = json.loads(text)
        # JSON may have sorted the modalities; weights of a fusion are in the order of the network's
        pairs: dict[str, Any] = {
            side: {
                name: (int(told[side][name][0]), str(told[side][name][1]))
                for name in order
                if name in told[side]
            }
            for side, order in (("items", ITEM_MODALITIES), ("queries", QUERY_MODALITIES))
        }
        rest: dict[str, Any] = {key: tuple(values) for key, values in told.items() if key not in pairs}
        return cls(**rest, **pairs)

    def check(self, data: Dataset) -> None:
        """Refuse data whose vectors or features mean something else.

        A modality that the data lacks entirely, or that the network never had, is no mismatch: it is missing.

        Raises:
            Mismatch: Naming the first difference.
        """
        here = signature_of(data)
        for side, mine, theirs in (
            ("phones", self.items, here.items),
            ("queries", self.queries, here.queries),
        ):
            for name in sorted(set(mine) & set(theirs)):
                if mine[name] != theirs[name]:
                    raise Mismatch(
                        f"the {name} vectors of {side} come from {said(theirs[name])}, but the model was trained on "
                        f"{said(mine[name])}; train it again"
                    )
        if self.feature_names != here.feature_names:
            odd = sorted(set(self.feature_names) ^ set(here.feature_names))
            raise Mismatch(f"user features differ from those of training: {', '.join(odd) or 'their order'}")


def said(modality: tuple[int, str]) -> str:
    """A modality's encoder in words."""
    width, fingerprint = modality
    return f"{fingerprint or 'an unnamed encoder'} (width {width})"


def signature_of(data: Dataset) -> Signature:
    """The signature of a network that is to be trained on this data; modalities that nothing has are left out."""
    events = data.interactions.positive()
    chosen = np.unique(events.item)
    return Signature(
        items=_shapes(data.catalogue.modalities, ITEM_MODALITIES),
        queries=_shapes(data.queries.modalities, QUERY_MODALITIES),
        feature_names=tuple(data.users.feature_names),
        item_ids=tuple(data.catalogue.item_ids[chosen].tolist()),
        brands=_words(data.catalogue.brand),
        countries=_words(data.users.country),
        locales=_words(data.users.locale),
    )


def _shapes(modalities: Mapping[str, Modality], names: tuple[str, ...]) -> dict[str, tuple[int, str]]:
    return {
        name: (int(modalities[name].values.shape[1]), modalities[name].fingerprint)
        for name in names
        if name in modalities and modalities[name].present.any()
    }


def _words(values: np.ndarray[tuple[int], np.dtype[np.str_]]) -> tuple[str, ...]:
    return tuple(str(word) for word in np.unique(values) if word)
