"""Joint encoding: a step's phones and queries where encoders are trained together with the network.

Some contents are encoded with gradients; most vectors are read from a table.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from models.dataset import IntArray
from models.network.inputs import ItemInputs, QueryInputs
from models.network.trainable_encoders import TrainableEncoders
from models.training.training_set import TrainingBatch, TrainingSet


class JointEncoder:
    """Encodes the contents of a training set's batches.

    The loss compares every choice with all phones, but no machine encodes all pictures of a shop at every
    step. So at most `rows` contents of each kind are encoded with gradients per step: first those of the
    batch's targets, impressions, sequences and queries, then others (negatives). The rest have the vectors of
    a table. Each step updates the table's rows that it has encoded, and every `refresh_steps` steps the whole
    table is encoded again.

    Args:
        encoders: Encoders of the network that is trained.
        training_set: Training set whose contents are encoded.
    """

    def __init__(self, encoders: TrainableEncoders, training_set: TrainingSet) -> None:
        self.encoders = encoders
        encoders.start_training()
        data = training_set.data
        self.item_rows: dict[str, IntArray] = {}
        self.query_rows: dict[str, IntArray] = {}
        sides = (
            (self.item_rows, encoders.item_kinds, data.catalogue.modalities),
            (self.query_rows, encoders.query_kinds, data.queries.modalities),
        )
        for rows, kinds, modalities in sides:
            for kind in kinds:
                rows[kind] = encoders.tables[kind].find_rows(modalities[kind], encoders.get_encoders(kind))
        # Contents that validation adds later are encoded apart: other batches would change the last bits.
        self.counts = {kind: len(table.prepared) for kind, table in encoders.tables.items()}
        self._is_fresh = False

    def refresh(self) -> None:
        """Encode the tables again, unless no step was taken since they were."""
        if not self._is_fresh:
            for kind in self.encoders.kinds:
                self.encoders.refresh_table(kind, 0, self.counts[kind])
        self._is_fresh = True

    def encode_batch(
        self, batch: TrainingBatch, items: ItemInputs, queries: QueryInputs, random: np.random.Generator
    ) -> tuple[TrainingBatch, ItemInputs, QueryInputs]:
        """Return batch, phones and queries with gradients to the encoders attached.

        Args:
            batch: On the encoders' device.
            items: Inputs of the batch's columns.
            queries: All queries.
            random: Draws the contents to encode.

        Returns:
            The batch with its queries as rows of the returned queries, the phones, and the queries that the
            batch needs.
        """
        self._is_fresh = False
        users = batch.users
        different, place = torch.unique(
            torch.cat([users.queries, batch.sampled_queries]), return_inverse=True
        )  # place: (2 n, q)
        own_queries, sampled_queries = place.split(len(users.queries))
        needed = different.cpu().numpy()
        columns = batch.columns.cpu().numpy()
        item_content = dict(items.content)
        query_content = {name: part[different] for name, part in queries.content.items()}
        query_present = {name: part[different] for name, part in queries.present.items()}
        for kind in self.encoders.kinds:
            item_rows = _select_rows(self.item_rows.get(kind), columns)
            query_rows = _select_rows(self.query_rows.get(kind), needed)
            chosen = self._draw_rows(batch, item_rows, query_rows, random)
            if not len(chosen):
                continue
            vectors = self.encoders.encode_rows(kind, chosen)  # (chosen, trained)
            fresh = (self._find_places(kind, chosen), vectors)
            if kind in self.item_rows:
                item_content[kind] = self.encoders.overlay_columns(kind, item_content[kind], item_rows, fresh)
            if kind in self.query_rows:
                query_content[kind] = self.encoders.overlay_columns(
                    kind, query_content[kind], query_rows, fresh
                )
            table = self.encoders.tables[kind].vectors
            assert table is not None
            table[torch.from_numpy(chosen).to(table.device)] = vectors.detach().float()
        return (
            replace(batch, users=users._replace(queries=own_queries), sampled_queries=sampled_queries),
            replace(items, content=item_content),
            QueryInputs(query_content, query_present),
        )

    def _draw_rows(
        self, batch: TrainingBatch, item_rows: IntArray, query_rows: IntArray, random: np.random.Generator
    ) -> IntArray:
        """Return the table's rows that this step encodes: first the batch's own, then others."""
        limit = self.encoders.config.rows
        mentioned = np.unique(
            torch.cat([batch.target_column, batch.impression_column, batch.users.tokens.flatten()])
            .cpu()
            .numpy()
        )
        own = np.concatenate([item_rows[mentioned], query_rows])
        own = np.unique(own[own >= 0])
        others = np.setdiff1d(item_rows[item_rows >= 0], own)
        return np.concatenate([random.permutation(own), random.permutation(others)])[:limit]

    def _find_places(self, kind: str, chosen: IntArray) -> Tensor:
        """Return `(table,)` the place of each row of the table in `chosen`, -1 for others."""
        table = self.encoders.tables[kind].vectors
        assert table is not None
        places = torch.full((len(table),), -1, device=table.device)
        places[torch.from_numpy(chosen).to(table.device)] = torch.arange(len(chosen), device=table.device)
        return places


def _select_rows(rows: IntArray | None, selected: IntArray) -> IntArray:
    """Return the table's rows of some phones or queries.

    The last query stands for "no query" and has no row.
    """
    return np.full(len(selected), -1) if rows is None else np.append(rows, -1)[selected]
