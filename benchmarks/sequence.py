"""Measures the sequence encoder alone on Amazon Beauty and Sports (the S3-Rec splits and protocol).

The last item of each user is predicted from all the others, the one before was held out for validation; all
items are ranked. No user bought an item twice in these data, so a user's own items are excluded from their
list, as S3-Rec, DuoRec and RecTools do; the values with them included are reported as well. In a log in which
users come back to an item, such an item would be left out of the list that it is sought on: there it counts
as missed, `repeated_targets` says how many there are, and early stopping goes by lists with the users' own
items. One configuration serves both data sets. Training takes the settings' epochs, or ends when NDCG@10 on
the validation items has not risen for `PATIENCE` validations; the weights that were best there are tested.

Tried: attention alone at width 128 (test 0.0875 / 0.0517 on Beauty after 27 epochs, with an exponential mean
in parallel; a third of the speed without); BSARec's mixture with normalisation after each sum, which reached
that within 12 epochs; softmax over all items, which learns a little more per epoch and takes three times as
long; weights averaged over about an epoch. Not tried: other widths, depths and shares of the filter.

`SEQUENCE_SECONDS=400` stops after that time and stores the state in `var/benchmarks`; the same command
resumes from it.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import sparse

from benchmarks.benchmark import DATA, Unavailable
from benchmarks.next_item import NextItem, NextItemTrainer, Sequences, Settings, encode_sequences
from models.evaluation.hits import Hits
from models.evaluation.ndcg import ndcg_at_k
from models.evaluation.recall import recall_at_k

K, SEED, BLOCK = 10, 1, 512
EVERY, PATIENCE = 2, 4
STATE_FOLDER = Path("var") / "benchmarks"


def measure_beauty() -> dict[str, Any]:
    """Measure Recall@10 and NDCG@10 on Amazon Beauty."""
    return measure("amazon-beauty")


def measure_sports() -> dict[str, Any]:
    """Measure Recall@10 and NDCG@10 on Amazon Sports and Outdoors."""
    return measure("amazon-sports")


def read_sequences(name: str) -> tuple[Sequences, int]:
    """Load each user's items, oldest first, numbered from 0, and the number of items."""
    lines = (DATA / name / "sequences.txt").read_text().splitlines()
    sequences = [np.array(line.split()[1:], np.int64) - 1 for line in lines]
    return sequences, 1 + max(int(sequence.max()) for sequence in sequences)


def measure(name: str) -> dict[str, Any]:
    """Train with early stopping on validation, then test the best weights.

    Raises:
        Unavailable: If `SEQUENCE_SECONDS` is over before training has ended.
    """
    sequences, items = read_sequences(name)
    settings = Settings()
    trainer = NextItemTrainer([sequence[:-2] for sequence in sequences], items, settings, SEED)
    returns = count_repeated_targets(sequences, 2)
    kept = STATE_FOLDER / f"{name}.pt"
    best: dict[str, Any] = {"ndcg": -1.0, "epoch": 0}
    done, seconds = 0, 0.0
    if kept.exists():
        before = torch.load(kept, weights_only=False)
        if before["settings"] == settings._asdict() and "trainer" in before:
            trainer.restore(before["trainer"])
            best, done, seconds = before["best"], before["done"], before["seconds"]
    limit = float(os.environ.get("SEQUENCE_SECONDS", "inf"))
    began = time.perf_counter()
    while done < (settings.epochs or 0) and done - best["epoch"] < EVERY * PATIENCE:
        if time.perf_counter() - began > limit:
            raise Unavailable(f"{name}: {done} epochs in {seconds:.0f} s so far; run it again to resume")
        started = time.perf_counter()
        loss = trainer.epoch()
        done, seconds = done + 1, seconds + time.perf_counter() - started
        if done % EVERY == 0:
            recall, ndcg = measure_quality(trainer.average, sequences, items, 2, leave_out=not returns)
            print(
                f"{name}: epoch {done}, loss {loss:.3f}, validation Recall@10 {recall:.4f}, NDCG@10 "
                f"{ndcg:.4f}, {seconds:.0f} s",
                flush=True,
            )
            if ndcg > best["ndcg"]:
                weights = {key: value.clone() for key, value in trainer.average.state_dict().items()}
                best = {"ndcg": ndcg, "recall": recall, "epoch": done, "weights": weights}
        _save_state(
            kept,
            {
                "settings": settings._asdict(),
                "trainer": trainer.state(),
                "best": best,
                "done": done,
                "seconds": seconds,
            },
        )
    kept.unlink(missing_ok=True)
    network = NextItem(items, settings)
    network.load_state_dict(best["weights"])
    recall, ndcg = measure_quality(network, sequences, items, 1)
    open_recall, open_ndcg = measure_quality(network, sequences, items, 1, leave_out=False)
    return {
        "recall_10": recall,
        "ndcg_10": ndcg,
        "recall_10_history_ranked": open_recall,
        "ndcg_10_history_ranked": open_ndcg,
        "repeated_targets": count_repeated_targets(sequences, 1),
        "validation_recall_10": best["recall"],
        "validation_ndcg_10": best["ndcg"],
        "best_epoch": best["epoch"],
        "epochs": done,
        "training_seconds": seconds,
        "parameters": sum(part.numel() for part in network.parameters()),
        **{f"setting_{key}": value for key, value in settings._asdict().items()},
    }


def measure_quality(
    network: NextItem, sequences: Sequences, items: int, held: int, leave_out: bool = True
) -> tuple[float, float]:
    """Return Recall@10 and NDCG@10 of the item at position `-held`, predicted from all items before it.

    Args:
        network: The network whose states and item embeddings give the scores.
        sequences: Each user's items, as from `read_sequences`.
        items: The number of items.
        held: 2 for validation, 1 for the test.
        leave_out: Whether a user's own items are excluded from their list; an item that is one of them and is
            to be found counts as missed.
    """
    known = [sequence[:-held] for sequence in sequences]
    targets = torch.tensor([int(sequence[-held]) for sequence in sequences])
    states = torch.from_numpy(encode_sequences(network, known, Settings().history))
    vectors = network.items.weight.detach().T.contiguous()
    owned = build_history_matrix(known, items)
    rank = np.empty(len(known), np.int64)
    for start in range(0, len(known), BLOCK):
        part = slice(start, start + BLOCK)
        scores = states[part] @ vectors  # (users, items)
        if leave_out:
            scores[owned[part].nonzero()] = -torch.inf
        own = scores.gather(1, targets[part, None])
        # Ties count against the item; one that is left out itself ties with all others, and comes last.
        rank[part] = (scores >= own).sum(1) - 1
    listed = np.flatnonzero(rank < K)
    hits = Hits(listed, rank[listed], np.ones(len(known), np.int64))
    return float(recall_at_k(hits, K).mean()), float(ndcg_at_k(hits, K).mean())


def count_repeated_targets(sequences: Sequences, held: int) -> int:
    """Return how many users have the item at position `-held` among the items before it."""
    return sum(int((sequence[:-held] == sequence[-held]).any()) for sequence in sequences)


def build_history_matrix(sequences: Sequences, items: int) -> sparse.csr_matrix:
    """Return a `(users, items)` matrix with a one for each item of each sequence."""
    places = np.concatenate([[0], np.cumsum([len(sequence) for sequence in sequences])])
    flat = np.concatenate(sequences)
    return sparse.csr_matrix((np.ones(len(flat), np.float32), flat, places), shape=(len(sequences), items))


def _save_state(file: Path, state: dict[str, Any]) -> None:
    # Renamed when complete, so that an interrupted save keeps the previous state.
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, file.with_suffix(".new"))
    file.with_suffix(".new").replace(file)
