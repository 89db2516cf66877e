"""One step's phones and queries when encoders learn too: some contents encoded with gradients, all others from a table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from models.data import IntArray
from models.network.inputs import Asked, Items
from models.network.trainable_encoders import LiveEncoders
from models.training.training_set import Batch, Lessons


class Together:
    """The lessons' contents.

    The loss compares every choice with all phones, but no machine encodes all pictures of a shop at every step. So of
    each kind at most `rows` contents are encoded with gradients, drawn among those that the batch is about (chosen,
    shown, in a history, asked) and filled up with others (negatives); the rest have the vectors of a table that each
    step corrects where it has encoded, and that is made anew every `refresh_steps` steps.
    """

    def __init__(self, live: LiveEncoders, lessons: Lessons) -> None:
        self.live, self.lessons = live, lessons
        live.begin()
        self.phones: dict[str, IntArray] = {}
        self.queries: dict[str, IntArray] = {}
        sides = (
            (self.phones, live.of_phones, lessons.data.catalogue.modalities),
            (self.queries, live.of_queries, lessons.data.queries.modalities),
        )
        for rows, kinds, modalities in sides:
            for kind in kinds:
                rows[kind] = live.shelves[kind].rows(modalities[kind], live.of(kind))
        # what validation adds later is encoded apart: batches of other contents would change the last bits
        self.counts = {kind: len(shelf.prepared) for kind, shelf in live.shelves.items()}
        self._is_fresh = False

    def refresh(self) -> None:
        """Make the tables anew, unless no step was taken since."""
        if not self._is_fresh:
            for kind in self.live.kinds:
                self.live.refresh(kind, 0, self.counts[kind])
        self._is_fresh = True

    def step(
        self, batch: Batch, items: Items, asked: Asked, random: np.random.Generator
    ) -> tuple[Batch, Items, Asked]:
        """The batch about the queries that it needs, those, and the phones of its columns, gradients attached.

        Args:
            batch: On the device of the encoders.
            items: Of the batch's columns.
            asked: All queries.
        """
        self._is_fresh = False
        reading = batch.reading
        different, place = torch.unique(torch.cat([reading.queries, batch.ever]), return_inverse=True)
        known, ever = place.split(len(reading.queries))
        some = different.cpu().numpy()
        columns = batch.columns.cpu().numpy()
        content, told = dict(items.content), {n: part[different] for n, part in asked.content.items()}
        present = {name: part[different] for name, part in asked.present.items()}
        for kind in self.live.kinds:
            phones = self._of(self.phones.get(kind), columns)
            queries = self._of(self.queries.get(kind), some)
            chosen = self._drawn(batch, phones, queries, random)
            if not len(chosen):
                continue
            made = self.live.encode(kind, chosen)
            fresh = (self._places(kind, chosen), made)
            if kind in self.phones:
                content[kind] = self.live.laid_over(kind, content[kind], phones, fresh)
            if kind in self.queries:
                told[kind] = self.live.laid_over(kind, told[kind], queries, fresh)
            table = self.live.shelves[kind].vectors
            assert table is not None
            table[torch.from_numpy(chosen).to(table.device)] = made.detach().float()
        return (
            replace(batch, reading=reading._replace(queries=known), ever=ever),
            replace(items, content=content),
            Asked(told, present),
        )

    def _of(self, rows: IntArray | None, wanted: IntArray) -> IntArray:
        """The shelf's rows of some phones or queries; the last query is nobody's and has none."""
        return np.full(len(wanted), -1) if rows is None else np.append(rows, -1)[wanted]

    def _drawn(
        self, batch: Batch, phones: IntArray, queries: IntArray, random: np.random.Generator
    ) -> IntArray:
        """Rows of the shelf that this step encodes."""
        most = self.live.config.rows
        about = np.unique(
            torch.cat([batch.answer, batch.shown, batch.reading.tokens.flatten()]).cpu().numpy()
        )
        wanted = np.concatenate([phones[about], queries])
        wanted = np.unique(wanted[wanted >= 0])
        others = np.setdiff1d(phones[phones >= 0], wanted)
        return np.concatenate([random.permutation(wanted), random.permutation(others)])[:most]

    def _places(self, kind: str, chosen: IntArray) -> Tensor:
        table = self.live.shelves[kind].vectors
        assert table is not None
        places = torch.full((len(table),), -1, device=table.device)
        places[torch.from_numpy(chosen).to(table.device)] = torch.arange(len(chosen), device=table.device)
        return places
