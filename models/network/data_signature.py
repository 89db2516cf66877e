"""The signature of a network's training data, by which tonight's data is matched to it or rejected."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from models.dataset import Dataset, Modality

ITEM_MODALITIES = ("text", "image", "specs")
QUERY_MODALITIES = ("text", "image", "audio")
ITEM_SPACE_OF_QUERY = {"text": "text", "image": "image", "audio": "text"}
"""The phones' modality whose space a query modality shares: speech is encoded into the texts' space."""


class ModelMismatch(ValueError):
    """A stored model cannot be read, or was trained on other encoders or features than the data has."""


@dataclass(frozen=True)
class DataSignature:
    """The shapes and vocabularies of a network.

    Args:
        items: Content modalities of phones: width and fingerprint of the encoder.
        queries: The same of queries.
        feature_names: Columns of the users' features.
        item_ids: Phones that have an identity embedding, by its row.
        brands, countries, locales: Vocabularies; row 0 of their embeddings is for unknown values.
    """

    items: Mapping[str, tuple[int, str]]
    queries: Mapping[str, tuple[int, str]]
    feature_names: tuple[str, ...]
    item_ids: tuple[str, ...]
    brands: tuple[str, ...]
    countries: tuple[str, ...]
    locales: tuple[str, ...]

    def to_json(self) -> str:
        """Return the signature as JSON that `from_json` reads."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> DataSignature:
        """Read back what `to_json` wrote."""
        stored = json.loads(text)
        # sort_keys has sorted the modalities; a fusion's weights are in the order of ITEM_MODALITIES.
        pairs: dict[str, Any] = {
            side: {
                name: (int(stored[side][name][0]), str(stored[side][name][1]))
                for name in order
                if name in stored[side]
            }
            for side, order in (("items", ITEM_MODALITIES), ("queries", QUERY_MODALITIES))
        }
        rest: dict[str, Any] = {key: tuple(values) for key, values in stored.items() if key not in pairs}
        return cls(**rest, **pairs)

    def check_data(self, data: Dataset) -> None:
        """Reject data whose vectors or features mean something else than those of training.

        A modality that the data lacks entirely, or that the network never had, is no mismatch: it counts as
        missing.

        Raises:
            ModelMismatch: Naming the first difference.
        """
        here = build_signature(data)
        for side, trained, found in (
            ("phones", self.items, here.items),
            ("queries", self.queries, here.queries),
        ):
            for name in sorted(set(trained) & set(found)):
                if trained[name] != found[name]:
                    raise ModelMismatch(
                        f"the {name} vectors of {side} come from {describe_encoder(found[name])}, but the "
                        f"model was trained on {describe_encoder(trained[name])}; train it again"
                    )
        if self.feature_names != here.feature_names:
            odd = sorted(set(self.feature_names) ^ set(here.feature_names))
            raise ModelMismatch(
                f"user features differ from those of training: {', '.join(odd) or 'their order'}"
            )


def describe_encoder(modality: tuple[int, str]) -> str:
    """Describe a modality's encoder by its fingerprint and width."""
    width, fingerprint = modality
    return f"{fingerprint or 'an unnamed encoder'} (width {width})"


def build_signature(data: Dataset) -> DataSignature:
    """Return the signature of a network to be trained on this data.

    Modalities without any vector are left out.
    """
    events = data.interactions.positive()
    chosen = np.unique(events.item)
    return DataSignature(
        items=_describe_modalities(data.catalogue.modalities, ITEM_MODALITIES),
        queries=_describe_modalities(data.queries.modalities, QUERY_MODALITIES),
        feature_names=tuple(data.users.feature_names),
        item_ids=tuple(data.catalogue.item_ids[chosen].tolist()),
        brands=_build_vocabulary(data.catalogue.brand),
        countries=_build_vocabulary(data.users.country),
        locales=_build_vocabulary(data.users.locale),
    )


def _describe_modalities(
    modalities: Mapping[str, Modality], names: tuple[str, ...]
) -> dict[str, tuple[int, str]]:
    """Return width and encoder fingerprint of each modality that has any vector."""
    return {
        name: (int(modalities[name].values.shape[1]), modalities[name].fingerprint)
        for name in names
        if name in modalities and modalities[name].present.any()
    }


def _build_vocabulary(values: np.ndarray[tuple[int], np.dtype[np.str_]]) -> tuple[str, ...]:
    """Return the different non-empty words, sorted."""
    return tuple(str(word) for word in np.unique(values) if word)
