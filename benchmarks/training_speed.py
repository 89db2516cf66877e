"""Measures the training speed of the sequence encoder on two cores, against RecBole's SASRec.

A sample is one item to be predicted from the items before it. Both sides train on the same users' items
except the last two, and are evaluated by the same code on the last but one. RecBole trains until that stops
improving, or for `EPOCHS` epochs; then this side trains until it is as good as RecBole at its best, or stops
improving. So samples per second are compared at equal or better quality. The seconds that each side needed
are reported as well: epochs are not comparable, because this side predicts at all positions of a user in one
pass and takes far fewer steps.

RecBole keeps its own settings for the model (2 layers, 2 heads, width 64, dropout 0.5: as here; softmax over
all items, Adam at 0.001), with 256 samples per step, which its learning rate is meant for. Both sides use two
threads, and the rate is the median over epochs. Seconds are of training alone, without evaluation.

The data are every third user of Amazon Beauty, so that RecBole's side ends within a quarter of an hour
(`SPEED_EVERY=1` takes all users). RecBole needs older libraries than the project: it is installed from PyPI
into `var/benchmarks/recbole` and runs there.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks.benchmark import Unavailable
from benchmarks.next_item import NextItemTrainer, Sequences, Settings
from benchmarks.sequence import STATE_FOLDER, K, build_history_matrix, measure_quality, read_sequences
from models.evaluation.hits import find_hits
from models.evaluation.ndcg import ndcg_at_k

THREADS, SEED, PEER_SAMPLES = 2, 1, 256
EPOCHS, PATIENCE = 12, 2
"""Maximum epochs and patience of RecBole's side."""
MAX_EPOCHS, EVERY, OUR_PATIENCE = 80, 2, 6
"""Of this side: maximum epochs, epochs between two evaluations, and evaluations without gain before it
stops."""
RECBOLE = ("recbole==1.2.1", "numpy<2", "pandas<2.3", "setuptools<81")


class SideResult(NamedTuple):
    """The measurements of one side.

    Args:
        rates: Samples per second of each epoch.
        seconds: Seconds of training until the best evaluation.
        ndcg: NDCG@10 on validation at that time.
    """

    rates: list[float]
    seconds: float
    ndcg: float


def measure() -> dict[str, Any]:
    """Measure samples per second and validation NDCG@10 of both, and their ratios.

    Raises:
        Unavailable: If RecBole cannot be installed or does not run.
    """
    python = _prepare_environment()
    sequences, items = read_sequences("amazon-beauty")
    sequences = sequences[:: int(os.environ.get("SPEED_EVERY", "3"))]
    theirs = _train_recbole(python, sequences, items)
    ours = _train_ours(sequences, items, theirs.ndcg)
    return {
        "times_recbole": median(ours.rates) / median(theirs.rates),
        "ndcg_over_recbole": ours.ndcg / theirs.ndcg,
        "seconds_over_recbole": ours.seconds / theirs.seconds,
        "samples_per_second": median(ours.rates),
        "recbole_samples_per_second": median(theirs.rates),
        "validation_ndcg_10": ours.ndcg,
        "recbole_validation_ndcg_10": theirs.ndcg,
        "slowest_epoch_over_recbole_fastest": min(ours.rates) / max(theirs.rates),
        "seconds": ours.seconds,
        "recbole_seconds": theirs.seconds,
        "epochs": len(ours.rates),
        "recbole_epochs": len(theirs.rates),
        "users": len(sequences),
        "threads": THREADS,
    }


def _train_ours(sequences: Sequences, items: int, target: float) -> SideResult:
    """Train until NDCG@10 is at least `target`, or has stopped rising."""
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    trainer = NextItemTrainer(
        [sequence[:-2] for sequence in sequences], items, Settings(users=64, epochs=None), SEED
    )
    seconds: list[float] = []
    best, when = 0.0, 0
    while best < target and len(seconds) < MAX_EPOCHS and len(seconds) - when < EVERY * OUR_PATIENCE:
        began = time.perf_counter()
        trainer.epoch()
        seconds.append(time.perf_counter() - began)
        if len(seconds) % EVERY == 0:
            gain = measure_quality(trainer.average, sequences, items, 2)[1]
            print(f"here: epoch {len(seconds)}, {sum(seconds):.0f} s so far, NDCG@10 {gain:.4f}", flush=True)
            if gain > best:
                best, when = gain, len(seconds)
    torch.set_num_threads(before)
    return SideResult([trainer.samples / each for each in seconds], sum(seconds[:when]), best)


def _train_recbole(python: Path, sequences: Sequences, items: int) -> SideResult:
    script = Path(__file__).with_name("recbole_sasrec.py")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sequences.txt"
        file.write_text(
            "".join(f"{user} {' '.join(map(str, part))}\n" for user, part in enumerate(sequences))
        )
        numbers = map(str, (EPOCHS, PATIENCE, PEER_SAMPLES, THREADS, SEED))
        done = subprocess.run(
            [python, "-W", "ignore", script, file, folder, *numbers],
            env={**os.environ, "OMP_NUM_THREADS": str(THREADS)},
            cwd=folder,  # RecBole writes logs where it runs
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Unavailable(f"RecBole stopped: {(done.stderr.strip() or '?').splitlines()[-1]}")
        about = json.loads((Path(folder) / "peer.json").read_text())
        lists = np.load(Path(folder) / "lists.npy").astype(np.int32)
    hits = find_hits(lists, build_history_matrix([sequence[-2:-1] for sequence in sequences], items))
    rates = [about["samples"] / seconds for seconds in about["seconds"]]
    best = int(np.argmax(about["gains"]))
    return SideResult(rates, sum(about["seconds"][: best + 1]), float(ndcg_at_k(hits, K).mean()))


def _prepare_environment() -> Path:
    """Return the interpreter of an environment with RecBole and the same torch, installed if missing."""
    folder = STATE_FOLDER / "recbole"
    python = folder.resolve() / "bin" / "python"
    if (folder / "complete").exists():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    packages = (*RECBOLE, f"torch=={torch.__version__.split('+')[0]}")
    for command in (
        [sys.executable, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", "--prefer-binary", *packages],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Unavailable(
                f"RecBole could not be installed: {(done.stderr.strip() or '?').splitlines()[-1]}"
            )
    (folder / "complete").touch()
    return python
