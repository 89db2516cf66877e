"""How fast the sequence part learns on two cores, against RecBole's SASRec on the same data in the same run.

A sample is one item to be foreseen from the items before it; both sides learn from the same users' items but the last
two, and are judged by the same code on the last but one after equally many epochs. RecBole keeps its own settings for
the model (2 layers, 2 heads, width 64, dropout 0.5: as here; softmax over all items, Adam at 0.001), with 256 samples
a step, which its learning rate is meant for. Threads are two on both sides, and the rate is the median of the epochs'.

Data are every third user of Amazon Beauty, so that RecBole's side ends within minutes (`SPEED_EVERY=1` takes all).
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

from benchmarks.face import Unavailable
from benchmarks.next_item import Course, Sequences, Settings
from benchmarks.sequence import KEPT, K, matrix, quality, read
from models.evaluation.lists import judge
from models.evaluation.ndcg import ndcg

THREADS, EPOCHS, SEED, PEER_SAMPLES = 2, 3, 1, 256
RECBOLE = ("recbole==1.2.1", "numpy<2", "pandas<2.3", "setuptools<81")


class Side(NamedTuple):
    """What was measured of one side: samples a second of each epoch, and NDCG@10 on validation afterwards."""

    rates: list[float]
    ndcg: float


def measure() -> dict[str, Any]:
    """Samples a second and validation NDCG@10 of both, and ours over theirs.

    Raises:
        Unavailable: If RecBole cannot be installed or does not run.
    """
    python = _environment()
    sequences, items = read("amazon-beauty")
    sequences = sequences[:: int(os.environ.get("SPEED_EVERY", "3"))]
    ours, theirs = _ours(sequences, items), _theirs(python, sequences, items)
    return {
        "times_recbole": median(ours.rates) / median(theirs.rates),
        "ndcg_over_recbole": ours.ndcg / theirs.ndcg,
        "samples_per_second": median(ours.rates),
        "recbole_samples_per_second": median(theirs.rates),
        "validation_ndcg_10": ours.ndcg,
        "recbole_validation_ndcg_10": theirs.ndcg,
        "slowest_epoch_over_recbole_fastest": min(ours.rates) / max(theirs.rates),
        "users": len(sequences),
        "epochs": EPOCHS,
        "threads": THREADS,
    }


def _ours(sequences: Sequences, items: int) -> Side:
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    course = Course([sequence[:-2] for sequence in sequences], items, Settings(users=64), SEED)
    rates = []
    for _ in range(EPOCHS):
        began = time.perf_counter()
        course.epoch()
        rates.append(course.samples / (time.perf_counter() - began))
    torch.set_num_threads(before)
    return Side(rates, quality(course.average, sequences, items, 2)[1])


def _theirs(python: Path, sequences: Sequences, items: int) -> Side:
    script = Path(__file__).with_name("recbole_sasrec.py")
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "sequences.txt"
        told.write_text(
            "".join(f"{user} {' '.join(map(str, part))}\n" for user, part in enumerate(sequences))
        )
        numbers = map(str, (EPOCHS, PEER_SAMPLES, THREADS, SEED))
        done = subprocess.run(
            [python, "-W", "ignore", script, told, folder, *numbers],
            env={**os.environ, "OMP_NUM_THREADS": str(THREADS)},
            cwd=folder,  # RecBole writes logs where it runs
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Unavailable(f"RecBole stopped: {(done.stderr.strip() or '?').splitlines()[-1]}")
        about = json.loads((Path(folder) / "peer.json").read_text())
        lists = np.load(Path(folder) / "lists.npy").astype(np.int32)
    judged = judge(lists, matrix([sequence[-2:-1] for sequence in sequences], items))
    return Side([about["samples"] / seconds for seconds in about["seconds"]], float(ndcg(judged, K).mean()))


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
