"""Encoders trained together with the network: tables of encoded contents, and inputs made from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.config import EndToEndConfig, FusionConfig
from models.dataset import Dataset, IntArray, Modality
from models.network.column_encoder import ColumnEncoder, find_column_encoders
from models.network.data_signature import DataSignature
from models.network.inputs import ItemInputs, QueryInputs

ENCODING_BATCH = 128
"""Contents per batch where no gradient is needed."""


@dataclass
class ContentTable:
    """The different contents of one kind (text, image or audio), one row for each.

    Args:
        row_by_key: Row of each content's key.
        prepared: For each row, the content as each encoder takes it; None if gone or no longer needed.
        vectors: `(rows, trained columns)` without gradients; fewer rows than contents where some are new.
        is_readable: For each row, whether the content could be read.
    """

    row_by_key: dict[str, int] = field(default_factory=dict)
    prepared: list[list[Tensor] | None] = field(default_factory=list)
    vectors: Tensor | None = None
    is_readable: list[bool] = field(default_factory=list)

    def find_rows(self, modality: Modality, encoders: Sequence[ColumnEncoder]) -> IntArray:
        """Return `(n,)` the row of each content, -1 where there is none or it is gone.

        New contents are read and added to the table.
        """
        found = np.full(len(modality.present), -1, np.int64)
        if modality.keys is None or modality.content_source is None:
            return found
        for at in np.flatnonzero(modality.present).tolist():
            key = str(modality.keys[at])
            if key and key not in self.row_by_key:
                content = modality.content_source.content(key)
                self.row_by_key[key] = len(self.prepared)
                self.is_readable.append(content is not None)
                self.prepared.append(
                    None if content is None else [one.encoder.prepare(content) for one in encoders]
                )
            row = self.row_by_key.get(key, -1)
            found[at] = row if row >= 0 and self.is_readable[row] else -1
        return found


class TrainableEncoders(nn.Module):
    """Trainable encoders by kind of content, with the tables of what they have encoded.

    Args:
        encoders: Encoders by kind of content; several where a modality concatenates the vectors of several.
        config: Settings of end-to-end training.
    """

    def __init__(self, encoders: Mapping[str, Sequence[ColumnEncoder]], config: EndToEndConfig) -> None:
        super().__init__()
        self.config = config
        self.by_kind = nn.ModuleDict({kind: nn.ModuleList(ones) for kind, ones in encoders.items()})
        self.tables = {kind: ContentTable() for kind in encoders}
        self.keeps_prepared = False
        self.item_kinds, self.query_kinds = self.kinds, self.kinds

    def restrict_kinds(self, item_names: Sequence[str], query_names: Sequence[str]) -> None:
        """Encode only the kinds of content that the network reads, of phones and of queries, from now on."""
        self.item_kinds, self.query_kinds = (
            tuple(kind for kind in self.kinds if kind in names) for names in (item_names, query_names)
        )

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of content that are encoded here."""
        return tuple(self.by_kind)

    def get_encoders(self, kind: str) -> list[ColumnEncoder]:
        """Return the encoders of a kind, typed."""
        ones = self.by_kind[kind]
        assert isinstance(ones, nn.ModuleList)
        return [one for one in ones if isinstance(one, ColumnEncoder)]

    def get_columns(self, kind: str) -> Tensor:
        """Return `(trained,) int64` the columns of a modality's vectors that the encoders compute."""
        return torch.tensor([column for one in self.get_encoders(kind) for column in one.columns])

    def encode_rows(self, kind: str, rows: IntArray) -> Tensor:
        """Return `(rows, trained)` vectors of some rows of a table, with gradients if enabled."""
        found = [self.tables[kind].prepared[row] for row in rows.tolist()]
        prepared = [one for one in found if one is not None]
        save_memory = self.config.save_memory and torch.is_grad_enabled()
        vectors = [
            one([parts[n] for parts in prepared], save_memory)
            for n, one in enumerate(self.get_encoders(kind))
        ]
        return torch.cat(vectors, 1)

    def refresh_table(self, kind: str, known: int, count: int) -> None:
        """Encode contents with the current weights; those from row `count` on count as new afterwards.

        Args:
            kind: Kind of content of the table.
            known: Number of first rows that stay as they are.
            count: One past the last row that is encoded.
        """
        table, was_training = self.tables[kind], self.training
        if table.vectors is not None and known == count == len(table.vectors):
            return
        readable = np.flatnonzero(table.is_readable[:count])
        rows = readable[readable >= known]
        # contents of similar length share a batch, so that little is padding
        lengths = [max(len(part) for part in table.prepared[row] or ()) for row in rows.tolist()]
        rows = rows[np.argsort(lengths, kind="stable")]
        self.eval()
        # a table made inside inference mode could not be written to by a training step
        with torch.inference_mode(False), torch.no_grad():
            device = next(self.parameters()).device
            vectors = torch.zeros(count, len(self.get_columns(kind)), device=device)
            if table.vectors is not None:
                vectors[:known] = table.vectors[:known]
            for at in range(0, len(rows), ENCODING_BATCH):
                some = rows[at : at + ENCODING_BATCH]
                vectors[torch.from_numpy(some).to(device)] = self.encode_rows(kind, some).float()
        self.train(was_training)
        table.vectors = vectors
        if not self.keeps_prepared:
            table.prepared = [None] * len(table.prepared)

    def start_training(self) -> None:
        """Keep prepared contents from now on, because training encodes them again and again."""
        self.tables = {kind: ContentTable() for kind in self.by_kind}
        self.keeps_prepared = True

    def finish_training(self) -> None:
        """Drop all tables, whose vectors are of earlier weights; from now on keep vectors, not contents."""
        self.tables = {kind: ContentTable() for kind in self.by_kind}
        self.keeps_prepared = False

    def save(self, folder: Path) -> dict[str, list[dict[str, Any]]]:
        """Write each encoder into a folder of its own, and return what `load` needs in addition."""
        return {
            kind: [one.save(folder / f"{kind}-{n}") for n, one in enumerate(self.get_encoders(kind))]
            for kind in self.kinds
        }

    @classmethod
    def load(
        cls, folder: Path, about: Mapping[str, Sequence[Mapping[str, Any]]], config: EndToEndConfig
    ) -> TrainableEncoders:
        """Read back what `save` wrote and returned.

        Raises:
            EncoderError: If a file is missing or damaged.
        """
        encoders = {
            kind: [ColumnEncoder.load(folder / f"{kind}-{n}", one) for n, one in enumerate(ones)]
            for kind, ones in about.items()
        }
        return cls(encoders, config)

    def encode_items(self, items: ItemInputs, data: Dataset) -> ItemInputs:
        """Return the phones' inputs with vectors of the encoders' current weights."""
        content = self._encode_content(self.item_kinds, items.content, data.catalogue.modalities)
        return replace(items, content=content)

    def encode_queries(self, queries: QueryInputs, data: Dataset) -> QueryInputs:
        """Return the queries' inputs with vectors of the encoders' current weights."""
        content = self._encode_content(self.query_kinds, queries.content, data.queries.modalities)
        return replace(queries, content=content)

    def _encode_content(
        self, kinds: Sequence[str], content: dict[str, Tensor], modalities: Mapping[str, Modality]
    ) -> dict[str, Tensor]:
        """Return the content with the trained columns of these kinds recomputed."""
        encoded = dict(content)
        for kind in kinds:
            if kind in modalities:
                table = self.tables[kind]
                rows = table.find_rows(modalities[kind], self.get_encoders(kind))
                known = 0 if table.vectors is None else len(table.vectors)
                self.refresh_table(kind, known, len(table.prepared))
                encoded[kind] = self.overlay_columns(kind, content[kind], rows, None)
        return encoded

    def overlay_columns(
        self, kind: str, vectors: Tensor, rows: IntArray, fresh: tuple[Tensor, Tensor] | None
    ) -> Tensor:
        """Return vectors `(n, width)` with the trained columns replaced by those of the table's rows.

        Args:
            kind: Kind of content of the table.
            vectors: `(n, width)` of the night's dataset.
            rows: `(up to n,)` rows of the table, -1 where a vector stays as it is; vectors behind the last
                row stay.
            fresh: `(table,)` place of each row among newly encoded ones, -1 for others; and those
                `(encoded, trained)`, through which gradients flow.
        """
        table = self.tables[kind].vectors
        if table is None or not len(table) or not len(rows):
            return vectors
        padded = np.full(len(vectors), -1, np.int64)
        padded[: len(rows)] = rows
        row = torch.from_numpy(padded).to(table.device)  # (n,)
        columns = self.get_columns(kind).to(table.device)  # (trained,)
        vectors = vectors.to(table.device)
        own = table[row.clamp(min=0)]  # (n, trained)
        if fresh is not None:
            place = fresh[0][row.clamp(min=0)]  # (n,)
            new = nn.functional.embedding(place.clamp(min=0), fresh[1].float())  # (n, trained)
            own = torch.where((place >= 0).unsqueeze(1), new, own)
        own = torch.where((row >= 0).unsqueeze(1), own, vectors[:, columns])
        return vectors.index_copy(1, columns, own)


def build_trainable_encoders(
    data: Dataset, signature: DataSignature, config: FusionConfig
) -> TrainableEncoders:
    """Return the encoders of the data's modalities that can be trained and are not frozen.

    They are the encoders that made the data's vectors, with the weights that they had then.
    """
    encoders: dict[str, list[ColumnEncoder]] = {}
    for kind, modality in _find_modalities(data, signature, config).items():
        assert modality.content_source is not None
        found = find_column_encoders(kind, modality.content_source.encoder(), config.end_to_end.frozen)
        if found:
            encoders[kind] = found
    return TrainableEncoders(encoders, config.end_to_end)


def _find_modalities(data: Dataset, signature: DataSignature, config: FusionConfig) -> dict[str, Modality]:
    """Return by kind of content a modality that the network uses and whose encoder and contents are known."""
    found: dict[str, Modality] = {}
    sides: list[tuple[str, Mapping[str, Any], Mapping[str, Modality]]] = [
        ("", signature.items, data.catalogue.modalities),
        ("query_", signature.queries, data.queries.modalities),
    ]
    for prefix, used, modalities in sides:
        for kind in used:
            modality = modalities.get(kind)
            if (
                f"{prefix}{kind}" not in config.without
                and modality is not None
                and modality.content_source is not None
            ):
                # Phones come first: where both sides have a kind, both use the phones' encoder.
                found.setdefault(kind, modality)
    return found
