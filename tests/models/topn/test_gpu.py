"""The GPU's fused kernels give the lists of the processor, to the bit; here they run in Triton's interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

os.environ.setdefault("TRITON_INTERPRET", "1")
pytest.importorskip("triton", reason="Triton comes with the CUDA build of torch")

from models.recommender_interface import Factors
from models.topn import gpu
from models.topn.exact import TopN, find_top_n
from models.topn.topn_request import make_empty_lists, make_request

from .test_exact import example, same


def by_fused_kernels(factors: Factors, n: int, masks: dict[str, Any]) -> TopN:
    """Find the top-N through the kernels."""
    shape = (len(factors.users), len(factors.items))
    found = make_empty_lists(shape[0], n)
    request = make_request(n, masks.get("exclude"), masks.get("allowed"), masks.get("kind"), shape=shape)
    candidates = np.flatnonzero(request.allowed.any(axis=0))
    gpu.fill_by_fused_kernels(factors.users, factors.items, candidates, request, found, "cpu")
    return found


@pytest.mark.parametrize(
    ("users", "items", "dim", "n"), [(70, 300, 20, 5), (3, 129, 1, 2), (130, 400, 33, 1), (65, 640, 40, 9)]
)
@pytest.mark.parametrize("ties", [False, True])
def test_the_kernels_give_the_same_lists(users: int, items: int, dim: int, n: int, *, ties: bool) -> None:
    factors, excluded = example(11, users, items, dim, ties)
    draw = np.random.default_rng(3)
    masks: dict[str, Any] = {
        "exclude": excluded,
        "allowed": draw.random((3, items)) < 0.7,
        "kind": draw.integers(0, 3, users),
    }
    assert same(by_fused_kernels(factors, n, masks), find_top_n(factors, n, **masks))
    assert same(by_fused_kernels(factors, n, {}), find_top_n(factors, n))


def test_a_user_with_less_than_a_list_or_nothing_left() -> None:
    factors, _ = example(2, 66, 256, 8)
    excluded = np.ones((66, 256), np.int8)
    excluded[1, [7, 200]] = 0
    excluded[2:] = 0
    masks: dict[str, Any] = {"exclude": sparse.csr_matrix(excluded)}
    found = by_fused_kernels(factors, 4, masks)
    assert (found.items[0] == -1).all()
    assert sorted(found.items[1].tolist()) == [-1, -1, 7, 200]
    assert same(found, find_top_n(factors, 4, **masks))


def test_more_equal_scores_than_there_is_room_for() -> None:
    factors = Factors(np.ones((4, 3), np.float32), np.ones((600, 3), np.float32))
    factors.users[3] = 0
    assert by_fused_kernels(factors, 2, {}).items.tolist() == [[0, 1]] * 4


@pytest.mark.parametrize("dim", [1, 16, 128, 1000])
def test_the_bound_holds_for_factors_cut_to_ten_bits(dim: int) -> None:
    """TF32 at its worst: both factors cut towards zero, sums in float32."""
    draw = np.random.default_rng(dim)
    left, right = (draw.lognormal(sigma=2, size=(200, dim)).astype(np.float32) for _ in range(2))

    def cut(values: np.ndarray) -> np.ndarray:
        return (values.view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32)

    rough = np.zeros((200, 200), np.float32)
    for k in range(dim):
        rough += np.outer(cut(left)[:, k], cut(right)[:, k])
    exact = left.astype(np.float64) @ right.astype(np.float64).T
    lengths = np.outer(*(np.linalg.norm(part.astype(np.float64), axis=1) for part in (left, right)))
    assert (np.abs(rough - exact) <= gpu.bound_tf32_error(dim) * lengths).all()


COMPILE = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from models.topn import triton_kernels as kernels

sizes = {"ROWS": kernels.ROWS, "COLUMNS": kernels.COLUMNS, "DEPTH": kernels.DEPTH, "GROUP": kernels.GROUP}
whole = {"words": "*i32", "counts": "*i32", "found": "*i32"}
whole |= dict.fromkeys(("user_count", "item_count", "dim", "width", "groups", "capacity"), "i32")
for kernel in (kernels._find_group_maxima, kernels._collect_candidates):
    names = [parameter.name for parameter in kernel.params]
    types = {name: "constexpr" if name in sizes else whole.get(name, "*fp32") for name in names}
    constants = {(place,): sizes[name] for place, name in enumerate(names) if name in sizes}
    for capability in (80, 90):
        made = triton.compile(ASTSource(kernel, types, constants), target=GPUTarget("cuda", capability, 32))
        assert "tf32" in made.asm["ptx"]
"""


def test_the_kernels_compile_for_gpus_and_multiply_in_tf32(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    environment["TRITON_CACHE_DIR"] = str(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", COMPILE], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
