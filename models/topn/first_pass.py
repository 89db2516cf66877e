"""The first passes of the exact top-N on a processor, and the choice of the one that is fastest here.

What a processor can do says little about how fast a library does it: oneDNN multiplies 8-bit vectors on every
x86 processor, but without VNNI or AMX in code thousands of times slower than a float32 product. So each first
pass is timed once on a small problem, about a tenth of a second, and the choice is kept in the user's cache
folder, by processor, library versions and the libraries' own switches. All give the same lists.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from models.dataset import FloatArray, IntArray
from models.topn.dot_kernel import describe_target, find_dot_instruction
from models.topn.dot_scan import MAX_DIM, fill_by_dot_kernel
from models.topn.onednn import is_onednn_exact
from models.topn.tile_products import fill_by_float32, fill_by_onednn
from models.topn.topn_request import TopN, TopNRequest, make_empty_lists, make_request

log = logging.getLogger(__name__)

ONEDNN, FLOAT32 = "onednn", "float32"
KERNELS = 1
"""Number of the first passes' speed: one more where a change makes measured choices obsolete."""
SWITCHES = (
    "ATEN_CPU_CAPABILITY",
    "DNNL_MAX_CPU_ISA",
    "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS",
    "ONEDNN_MAX_CPU_ISA",
)
"""Variables by which torch's libraries are told to use fewer instructions."""
TRIAL_USERS, TRIAL_ITEMS, TRIAL_DIM, TRIAL_N = 1024, 16384, 128, 20
"""Shape of the problem that is timed: some blocks of users and tiles of items, of a usual width."""
PROBE_USERS, PROBE_ITEMS = 32, 256
"""Shape of the problem that finds out who is far too slow for the trial."""
MAX_PROBE_RATIO = 10.0
"""First passes whose probe takes this many times the fastest one's are not tried further."""
REPEATS = 2

Fill = Callable[[FloatArray, FloatArray, IntArray, TopNRequest, TopN], None]


class FirstPass(NamedTuple):
    """A way to find the candidates.

    Args:
        name: `float32`, `onednn`, or the instruction that multiplies.
        fill: Fills a result.
    """

    name: str
    fill: Fill


class Choice(NamedTuple):
    """What was measured on a machine.

    Args:
        name: The fastest first pass.
        rates: Billions of products and additions a second (GFLOP/s) by first pass, selection included; 0 for
            one that was too slow to be timed.
        is_kept: Whether the choice was read from the cache folder and not measured now.
    """

    name: str
    rates: dict[str, float]
    is_kept: bool


def list_first_passes(dim: int = TRIAL_DIM) -> list[FirstPass]:
    """List the first passes that give right results for vectors of this length on this machine."""
    passes = [FirstPass(FLOAT32, fill_by_float32)]
    if is_onednn_exact(dim):
        passes.insert(0, FirstPass(ONEDNN, fill_by_onednn))
    instruction = find_dot_instruction()
    if instruction is not None and dim <= MAX_DIM:
        passes.insert(0, FirstPass(instruction.name, fill_by_dot_kernel))
    return passes


def choose_first_pass(dim: int, name: str | None = None) -> FirstPass:
    """Return the named first pass, or the fastest one of this machine.

    Args:
        dim: Length of the vectors.
        name: One of `list_first_passes`.

    Raises:
        ValueError: If this machine does not have the named first pass.
    """
    passes = {one.name: one for one in list_first_passes(dim)}
    if name is not None and name not in passes:
        raise ValueError(f"this machine has no first pass {name!r}, only {', '.join(passes)}")
    # Vectors too long for the fastest one go by float32.
    return passes.get(name or find_fastest_first_pass().name, passes[FLOAT32])


@cache
def find_fastest_first_pass() -> Choice:
    """Return this machine's choice: the kept one, or one that is measured now and kept.

    Which one it is, and whether the processor is one that is not known, is logged.
    """
    if find_dot_instruction() is None:
        log.warning(
            "the top-N knows no 8-bit instruction of this processor (%s); its first pass multiplies in "
            "float32, with the same lists",
            describe_target()["processor"],
        )
    file = find_cache_file()
    choice = _read_choice(file)
    if choice is None:
        choice = measure_first_passes(list_first_passes())
        _keep_choice(file, choice)
    log.info("%s", describe_choice(choice))
    return choice


def describe_choice(choice: Choice) -> str:
    """Return a line that says which first pass was chosen and why."""
    rates = ", ".join(
        f"{name} {f'{rate:.0f} GFLOP/s' if rate else 'far too slow'}" for name, rate in choice.rates.items()
    )
    when = "measured once on this machine" if choice.is_kept else "measured now"
    return f"first pass of the top-N: {choice.name} ({when}, one thread: {rates})"


def measure_first_passes(passes: Sequence[FirstPass]) -> Choice:
    """Time first passes on a small problem, on one thread as each block of users has.

    Args:
        passes: At least one.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        probes: dict[str, float] = {}
        rates: dict[str, float] = {}
        for one in passes:
            _time_fill(one.fill, PROBE_USERS, PROBE_ITEMS)  # compiles, and sets libraries up
            probes[one.name] = min(_time_fill(one.fill, PROBE_USERS, PROBE_ITEMS) for _ in range(REPEATS))
        limit = MAX_PROBE_RATIO * min(probes.values())
        for one in passes:
            rates[one.name] = 0.0
            if probes[one.name] <= limit:
                took = min(_time_fill(one.fill, TRIAL_USERS, TRIAL_ITEMS) for _ in range(REPEATS))
                rates[one.name] = 2e-9 * TRIAL_USERS * TRIAL_ITEMS * TRIAL_DIM / took
    finally:
        torch.set_num_threads(threads)
    return Choice(max(rates, key=rates.__getitem__), rates, is_kept=False)


def _time_fill(fill: Fill, user_count: int, item_count: int) -> float:
    """Return the seconds of processor time of a first pass for random vectors."""
    random = np.random.default_rng(0)
    users, items = (
        random.standard_normal((count, TRIAL_DIM), np.float32) for count in (user_count, item_count)
    )
    request = make_request(TRIAL_N, None, None, None, (user_count, item_count))
    best = make_empty_lists(user_count, TRIAL_N)
    began = time.process_time()
    fill(users, items, np.arange(item_count), request, best)
    return time.process_time() - began


def find_cache_file() -> Path:
    """Return where this machine's choice is kept: one file for each processor, library and switch.

    The folder is `handpick` in `XDG_CACHE_HOME` or `~/.cache`.
    """
    import numba
    import torch

    key = {
        **describe_target(),
        "kernels": KERNELS,
        "numba": numba.__version__,
        "torch": torch.__version__,
        **{name: os.environ.get(name, "") for name in SWITCHES},
    }
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
    return _find_cache_folder() / "handpick" / f"topn-{digest}.json"


def _find_cache_folder() -> Path:
    """Return the user's cache folder; for a user without a home, a place where nothing can be kept.

    A folder with a known name in the shared temporary one might be another user's.
    """
    if folder := os.environ.get("XDG_CACHE_HOME"):
        return Path(folder)
    try:
        return Path.home() / ".cache"
    except RuntimeError:
        return Path(os.devnull)


def _read_choice(file: Path) -> Choice | None:
    """Return the kept choice; None if there is none, or it cannot be used."""
    try:
        kept = json.loads(file.read_text())
        choice = Choice(str(kept["name"]), {k: float(v) for k, v in kept["rates"].items()}, is_kept=True)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return choice if choice.name in {one.name for one in list_first_passes()} else None


def _keep_choice(file: Path, choice: Choice) -> None:
    """Keep a choice for later processes; where nothing can be written, each process measures."""
    kept = {"name": choice.name, "rates": choice.rates, **describe_target()}
    temporary = file.with_suffix(f".{os.getpid()}.tmp")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
        temporary.replace(file)
    except OSError as error:
        log.info("the choice of the top-N's first pass could not be kept in %s: %s", file, error)
