"""How fast the sequence part learns on two cores, against RecBole's SASRec on the same data in the same run.

A sample is one item to be foreseen from the items before it; both sides learn from the same users' items but the last
two, and are judged by the same code on the last but one. RecBole trains until that no longer becomes better, or for
`EPOCHS` epochs; then this side trains until it is as good as RecBole was at its best, or no longer becomes better. So
samples a second are compared at equal or better quality, and the seconds that either needed stand beside them: epochs
are not worth the same, as this side answers for all places of a user in one pass and takes far fewer steps.

RecBole keeps its own settings for the model (2 layers, 2 heads, width 64, dropout 0.5: as here; softmax over all items,
Adam at 0.001), with 256 samples a step, which its learning rate is meant for. Threads are two on both sides, and the
rate is the median of the epochs'. Seconds are of training alone, judging apart.

Data are every third user of Amazon Beauty, so that RecBole's side ends within a quarter of an hour (`SPEED_EVERY=1`
takes all).
RecBole wants older libraries than the project: it is installed from PyPI into `var/benchmarks/recbole` and runs there.
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
from benchmarks.next_item import Course, Sequences, Settings
from benchmarks.sequence import KEPT, K, matrix, quality, read
from models.evaluation.lists import judge
from models.evaluation.ndcg import ndcg

THREADS, SEED, PEER_SAMPLES = 2, 1, 256
EPOCHS, PATIENCE = 12, 2
"""Of RecBole's side."""
MOST_EPOCHS, EVERY, OUR_PATIENCE = 80, 2, 6
"""Of this side: epochs at most, between two judgements, and judgements without gain until it ends."""
RECBOLE = ("recbole==1.2.1", "numpy<2", "pandas<2.3", "setuptools<81")


class Side(NamedTuple):
    """What was measured of one side.

    Args:
        rates: Samples a second of each epoch.
        seconds: Of training until it was as good as it got.
        ndcg: NDCG@10 on validation then.
    """

    rates: list[float]
    seconds: float
    ndcg: float


def measure() -> dict[str, Any]:
    """Samples a second and validation NDCG@10 of both, and ours over theirs.

    Raises:
        Unavailable: If RecBole cannot be installed or does not run.
    """
    python = _environment()
    sequences, items = read("amazon-beauty")
    sequences = sequences[:: int(os.environ.get("SPEED_EVERY", "3"))]
    theirs = _theirs(python, sequences, items)
    ours = _ours(sequences, items, theirs.ndcg)
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


def _ours(sequences: Sequences, items: int, wanted: float) -> Side:
    """Train until NDCG@10 is at least `wanted`, or has not risen for long."""
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    course = Course([sequence[:-2] for sequence in sequences], items, Settings(users=64, epochs=None), SEED)
    seconds: list[float] = []
    best, when = 0.0, 0
    while best < wanted and len(seconds) < MOST_EPOCHS and len(seconds) - when < EVERY * OUR_PATIENCE:
        began = time.perf_counter()
        course.epoch()
        seconds.append(time.perf_counter() - began)
        if len(seconds) % EVERY == 0:
            gain = quality(course.average, sequences, items, 2)[1]
            print(f"here: epoch {len(seconds)}, {sum(seconds):.0f} s so far, NDCG@10 {gain:.4f}", flush=True)
            if gain > best:
                best, when = gain, len(seconds)
    torch.set_num_threads(before)
    return Side([course.samples / each for each in seconds], sum(seconds[:when]), best)


def _theirs(python: Path, sequences: Sequences, items: int) -> Side:
    script = Path(__file__).with_name("recbole_sasrec.py")
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "sequences.txt"
        told.write_text(
            "".join(f"{user} {' '.join(map(str, part))}\n" for user, part in enumerate(sequences))
        )
        numbers = map(str, (EPOCHS, PATIENCE, PEER_SAMPLES, THREADS, SEED))
        done = subprocess.run(
            [python, "-W", "ignore", script, told, folder, *numbers],
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
    judged = judge(lists, matrix([sequence[-2:-1] for sequence in sequences], items))
    rates = [about["samples"] / seconds for seconds in about["seconds"]]
    best = int(np.argmax(about["gains"]))
    return Side(rates, sum(about["seconds"][: best + 1]), float(ndcg(judged, K).mean()))


def _environment() -> Path:
    """The interpreter of an environment that has RecBole and the torch of this project's version."""
    folder = KEPT / "recbole"
    python = folder.resolve() / "bin" / "python"
    if (folder / "complete").exists():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    wanted = (*RECBOLE, f"torch=={torch.__version__.split('+')[0]}")
    for command in (
        [sys.executable, "-m", "venv", folder],
        [python, "-m", "pip", "install", "--quiet", "--prefer-binary", *wanted],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Unavailable(
                f"RecBole could not be installed: {(done.stderr.strip() or '?').splitlines()[-1]}"
            )
    (folder / "complete").touch()
    return python
