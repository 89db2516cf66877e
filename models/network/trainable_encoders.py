"""Live encoders: the contents that a network has met, and phones and queries whose vectors its own encoders make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.config import EndToEndConfig, FusionConfig
from models.data import Dataset, IntArray, Modality
from models.network.column_encoder import Learner, learners_of
from models.network.data_signature import Signature
from models.network.inputs import Asked, Items

AT_ONCE = 128
"""Contents encoded together where no gradient is needed."""


@dataclass
class Shelf:
    """The different contents of one kind, a row for each.

    Args:
        place: Row by key.
        prepared: As each learner takes it; None where the content is gone, or is not needed any more.
        vectors: `(rows, learned columns)` without gradients; fewer rows than contents where some are new.
        is_readable: By row.
    """

    place: dict[str, int] = field(default_factory=dict)
    prepared: list[list[Tensor] | None] = field(default_factory=list)
    vectors: Tensor | None = None
    is_readable: list[bool] = field(default_factory=list)

    def rows(self, modality: Modality, learners: Sequence[Learner]) -> IntArray:
        """`(n,)`: the row of each content, -1 where there is none or it is gone; new contents are read."""
        found = np.full(len(modality.present), -1, np.int64)
        if modality.keys is None or modality.origin is None:
            return found
        for at in np.flatnonzero(modality.present).tolist():
            key = str(modality.keys[at])
            if key and key not in self.place:
                content = modality.origin.content(key)
                self.place[key] = len(self.prepared)
                self.is_readable.append(content is not None)
                self.prepared.append(
                    None if content is None else [one.encoder.prepare(content) for one in learners]
                )
            row = self.place.get(key, -1)
            found[at] = row if row >= 0 and self.is_readable[row] else -1
        return found


class LiveEncoders(nn.Module):
    """Learners by kind of content, with what they have encoded."""

    def __init__(self, learners: Mapping[str, Sequence[Learner]], config: EndToEndConfig) -> None:
        super().__init__()
        self.config = config
        self.learners = nn.ModuleDict({kind: nn.ModuleList(ones) for kind, ones in learners.items()})
        self.shelves = {kind: Shelf() for kind in learners}
        self.keeps_prepared = False
        self.of_phones, self.of_queries = self.kinds, self.kinds

    def serve(self, phones: Sequence[str], queries: Sequence[str]) -> None:
        """Encode these kinds of content only, of phones and of queries."""
        self.of_phones, self.of_queries = (
            tuple(kind for kind in self.kinds if kind in side) for side in (phones, queries)
        )

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of content that are encoded here."""
        return tuple(self.learners)

    def of(self, kind: str) -> list[Learner]:
        """The learners of a kind."""
        ones = self.learners[kind]
        assert isinstance(ones, nn.ModuleList)
        return [one for one in ones if isinstance(one, Learner)]

    def columns(self, kind: str) -> Tensor:
        """`(learned,) int64`: which columns of a modality's vectors they make."""
        return torch.tensor([column for one in self.of(kind) for column in one.columns])

    def encode(self, kind: str, rows: IntArray) -> Tensor:
        """`(rows, learned)` of some rows of the shelf, with gradients where they are asked for."""
        prepared = [self.shelves[kind].prepared[row] for row in rows.tolist()]
        told = [one for one in prepared if one is not None]
        save = self.config.save_memory and torch.is_grad_enabled()
        made = [one([parts[n] for parts in told], save) for n, one in enumerate(self.of(kind))]
        return torch.cat(made, 1)

    def refresh(self, kind: str, known: int, count: int) -> None:
        """Encode contents with the weights of this moment; those behind `count` count as new from now on.

        Args:
            known: The first ones that stay as they are.
            count: One past the last one that is encoded.
        """
        shelf, was_training = self.shelves[kind], self.training
        if shelf.vectors is not None and known == count == len(shelf.vectors):
            return
        readable = np.flatnonzero(shelf.is_readable[:count])
        rows = readable[readable >= known]
        # contents of like length share a batch, so that little is padding
        lengths = [max(len(part) for part in shelf.prepared[row] or ()) for row in rows.tolist()]
        rows = rows[np.argsort(lengths, kind="stable")]
        self.eval()
        # a table made inside inference mode could not be written to by a training step
        with torch.inference_mode(False), torch.no_grad():
            device = next(self.parameters()).device
            table = torch.zeros(count, len(self.columns(kind)), device=device)
            if shelf.vectors is not None:
                table[:known] = shelf.vectors[:known]
            for at in range(0, len(rows), AT_ONCE):
                some = rows[at : at + AT_ONCE]
                table[torch.from_numpy(some).to(device)] = self.encode(kind, some).float()
        self.train(was_training)
        shelf.vectors = table
        if not self.keeps_prepared:
            shelf.prepared = [None] * len(shelf.prepared)

    def begin(self) -> None:
        """Before training: contents are kept as encoders take them, because they are encoded again and again."""
        self.shelves = {kind: Shelf() for kind in self.learners}
        self.keeps_prepared = True

    def end(self) -> None:
        """After training: only vectors are kept, of the weights that it came to."""
        self.shelves = {kind: Shelf() for kind in self.learners}
        self.keeps_prepared = False

    def save(self, folder: Path) -> dict[str, list[dict[str, Any]]]:
        """Write each encoder in a folder of its own; what `load` needs besides."""
        return {
            kind: [one.save(folder / f"{kind}-{n}") for n, one in enumerate(self.of(kind))]
            for kind in self.kinds
        }

    @classmethod
    def load(
        cls, folder: Path, about: Mapping[str, Sequence[Mapping[str, Any]]], config: EndToEndConfig
    ) -> LiveEncoders:
        """Read back what `save` wrote.

        Raises:
            EncoderError: If a file is missing or damaged.
        """
        learners = {
            kind: [Learner.load(folder / f"{kind}-{n}", one) for n, one in enumerate(ones)]
            for kind, ones in about.items()
        }
        return cls(learners, config)

    def items(self, items: Items, data: Dataset) -> Items:
        """The phones with the vectors of the encoders as they are now."""
        return replace(items, content=self._content(self.of_phones, items.content, data.catalogue.modalities))

    def asked(self, asked: Asked, data: Dataset) -> Asked:
        """The queries with the vectors of the encoders as they are now."""
        return replace(asked, content=self._content(self.of_queries, asked.content, data.queries.modalities))

    def _content(
        self, kinds: Sequence[str], content: dict[str, Tensor], modalities: Mapping[str, Modality]
    ) -> dict[str, Tensor]:
        made = dict(content)
        for kind in kinds:
            if kind in modalities:
                shelf = self.shelves[kind]
                rows = shelf.rows(modalities[kind], self.of(kind))
                known = 0 if shelf.vectors is None else len(shelf.vectors)
                self.refresh(kind, known, len(shelf.prepared))
                made[kind] = self.laid_over(kind, content[kind], rows, None)
        return made

    def laid_over(
        self, kind: str, vectors: Tensor, rows: IntArray, fresh: tuple[Tensor, Tensor] | None
    ) -> Tensor:
        """Vectors `(n, width)` whose learned columns are those of the shelf's rows; -1 leaves a row as it is.

        Args:
            rows: `(up to n,)`; rows of `vectors` behind the last one stay.
            fresh: `(shelf,)` place in the newly encoded rows, -1 for others; and those `(encoded, learned)`, through
                which gradients flow.
        """
        table = self.shelves[kind].vectors
        if table is None or not len(table) or not len(rows):
            return vectors
        told = np.full(len(vectors), -1, np.int64)
        told[: len(rows)] = rows
        row = torch.from_numpy(told).to(table.device)
        columns = self.columns(kind).to(table.device)
        vectors = vectors.to(table.device)
        own = table[row.clamp(min=0)]
        if fresh is not None:
            place = fresh[0][row.clamp(min=0)]
            new = nn.functional.embedding(place.clamp(min=0), fresh[1].float())
            own = torch.where((place >= 0).unsqueeze(1), new, own)
        own = torch.where((row >= 0).unsqueeze(1), own, vectors[:, columns])
        return vectors.index_copy(1, columns, own)


def live_encoders(data: Dataset, signature: Signature, config: FusionConfig) -> LiveEncoders:
    """The encoders of the data's modalities, as far as they may learn; empty where none may.

    The encoders are those that made the data's vectors, with the weights that they had then.
    """
    learners: dict[str, list[Learner]] = {}
    for kind, modality in origins(data, signature, config).items():
        assert modality.origin is not None
        found = learners_of(kind, modality.origin.encoder(), config.end_to_end.frozen)
        if found:
            learners[kind] = found
    return LiveEncoders(learners, config.end_to_end)


def origins(data: Dataset, signature: Signature, config: FusionConfig) -> dict[str, Modality]:
    """By kind of content a modality that is used and knows where its vectors come from."""
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
                and modality.origin is not None
            ):
                found.setdefault(kind, modality)
    return found
