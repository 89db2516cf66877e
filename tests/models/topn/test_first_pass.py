"""Every first pass gives the same lists on every instruction set, and the choice among them is by measurement."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from llvmlite import binding, ir
from scipy import sparse

from models.recommender_interface import Factors
from models.topn import first_pass, numba_kernels
from models.topn.dot_kernel import INSTRUCTIONS, TileWriter
from models.topn.exact import find_top_n
from models.topn.first_pass import FirstPass, choose_first_pass, list_first_passes, measure_first_passes
from models.topn.tile_products import bound_product_error, fill_by_float32
from scripts.instruction_sets import find_missing

from .test_exact import brute_force, example

ROOT = Path(__file__).resolve().parents[3]
EXPECTED = {"plain": None, "ssse3": "pmaddubsw-128", "avx2": "vpmaddubsw-256", "avx512": "vpmaddubsw-512"}
"""The dot instruction of each set that processors of today can be held to."""
HELD = [name for name in EXPECTED if not find_missing(name)] if sys.platform == "linux" else []
CHILD = """
import hashlib, io, json, logging, sys
import numpy as np
from scipy import sparse
from models.recommender_interface import Factors
from models.topn.dot_kernel import find_dot_instruction
from models.topn.exact import find_top_n
from models.topn.first_pass import find_fastest_first_pass, list_first_passes

log = io.StringIO()
logging.basicConfig(stream=log, level=logging.INFO)
found, kept = {}, np.load(sys.argv[1])
for name in ("skewed", "ties", "long"):
    factors = Factors(kept[name + "_users"], kept[name + "_items"])
    exclude = sparse.csr_matrix(kept[name + "_exclude"])
    for one in list_first_passes(factors.users.shape[1]):
        if sys.argv[2] in ("ssse3", "avx512") and one.name == "float32":
            continue  # compiled as for the others
        lists = find_top_n(factors, 9, exclude=exclude, first_pass=one.name)
        digest = hashlib.sha256(lists.items.tobytes() + lists.scores.tobytes()).hexdigest()
        found.setdefault(one.name, []).append(digest)
how = find_dot_instruction()
chosen = find_fastest_first_pass().name if sys.argv[2] == "plain" else ""
print(json.dumps({
    "instruction": how and how.name, "digests": found, "chosen": chosen, "log": log.getvalue()
}))
"""


def make_problems() -> dict[str, tuple[Factors, sparse.csr_matrix]]:
    """Return vectors of very different lengths, many equal scores, and vectors of several 16-bit runs."""
    problems = {
        "skewed": example(1, 60, 1500, 33),
        "ties": example(2, 40, 900, 5, ties=True),
        "long": example(3, 30, 700, 290),
    }
    problems["skewed"][0].users[7] = 0
    return problems


@pytest.fixture(scope="module")
def found_under(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Return what processes held to each instruction set find; they run side by side."""
    folder = tmp_path_factory.mktemp("problems")
    file = folder / "problems.npz"
    arrays: dict[str, Any] = {}
    for name, (factors, exclude) in make_problems().items():
        arrays |= {
            f"{name}_users": factors.users,
            f"{name}_items": factors.items,
            f"{name}_exclude": exclude.toarray(),
        }
    np.savez(file, **arrays)
    running = {
        name: subprocess.Popen(
            [
                sys.executable,
                "scripts/instruction_sets.py",
                name,
                sys.executable,
                "-c",
                CHILD,
                str(file),
                name,
            ],
            cwd=ROOT,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "OMP_NUM_THREADS": "1",
                "XDG_CACHE_HOME": str(folder),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in HELD
    }
    found = {}
    for name, process in running.items():
        out, errors = process.communicate(timeout=600)
        assert process.returncode == 0, f"{name}: {errors[-2000:]}"
        found[name] = json.loads(out.splitlines()[-1])
    return found


def list_expected_digests() -> list[str]:
    """Return the digest of each problem's lists by brute force."""
    digests = []
    for factors, exclude in make_problems().values():
        lists = brute_force(factors, 9, exclude, None)
        digests.append(hashlib.sha256(lists.items.tobytes() + lists.scores.tobytes()).hexdigest())
    return digests


@pytest.mark.skipif(not HELD, reason="instruction sets are named for Linux on x86 only")
def test_every_first_pass_of_every_instruction_set_gives_the_lists_of_brute_force(
    found_under: dict[str, dict[str, Any]],
) -> None:
    expected = list_expected_digests()
    for name, found in found_under.items():
        assert found["instruction"] == EXPECTED[name]
        assert (EXPECTED[name] or "float32") in found["digests"]
        for path, digests in found["digests"].items():
            assert digests == expected, (name, path)


def test_the_first_passes_of_this_processor_give_the_lists_of_brute_force() -> None:
    for factors, exclude in make_problems().values():
        expected = brute_force(factors, 9, exclude, None)
        for one in list_first_passes(factors.users.shape[1]):
            found = find_top_n(factors, 9, exclude=exclude, first_pass=one.name)
            assert found.items.tobytes() + found.scores.tobytes() == (
                expected.items.tobytes() + expected.scores.tobytes()
            ), one.name


def test_a_first_pass_that_is_right_but_slow_is_not_chosen() -> None:
    """As oneDNN's products are where a processor lacks the instructions that its fast code needs."""

    def fill_slowly(*arguments: Any) -> None:
        users, items = arguments[:2]
        assert len(users) * len(items) < 1e5, "the trial would take minutes"
        (users.astype(object) @ items.astype(object).T).sum()
        fill_by_float32(*arguments)

    choice = measure_first_passes([FirstPass("slow", fill_slowly), FirstPass("float32", fill_by_float32)])
    assert choice.name == "float32"
    assert choice.rates["slow"] == 0
    assert "slow far too slow" in first_pass.describe_choice(choice)


def test_the_choice_is_measured_once_kept_and_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    caplog.set_level(logging.INFO)
    find = first_pass.find_fastest_first_pass.__wrapped__
    measured = find()
    assert not measured.is_kept
    assert find() == measured._replace(is_kept=True)
    assert "measured now" in caplog.text
    assert "measured once on this machine" in caplog.text
    assert choose_first_pass(8, measured.name).name == measured.name
    # Another switch is another machine; a file that cannot be read is as none.
    file = first_pass.find_cache_file()
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "SSE41")
    assert first_pass.find_cache_file() != file
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA")
    file.write_text('{"name": "float32"')
    assert not find().is_kept


@pytest.mark.skipif("plain" not in HELD, reason="instruction sets are named for Linux on x86 only")
def test_a_processor_that_is_not_known_multiplies_in_float32_and_says_so(
    found_under: dict[str, dict[str, Any]],
) -> None:
    assert found_under["plain"]["chosen"] == "float32"
    assert "knows no 8-bit instruction of this processor" in found_under["plain"]["log"]
    assert found_under["plain"]["digests"]["float32"] == list_expected_digests()


def test_a_first_pass_that_this_machine_lacks_is_refused() -> None:
    with pytest.raises(ValueError, match="no first pass 'abacus', only"):
        choose_first_pass(8, "abacus")


def test_products_that_may_be_rounded_to_fewer_bits_have_a_wider_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    strict = bound_product_error(128)
    monkeypatch.setenv("ONEDNN_DEFAULT_FPMATH_MODE", "BF16")
    assert strict < 1e-5 < 2.0**-7 < bound_product_error(128)


@pytest.mark.parametrize(
    ("name", "triple", "instruction"),
    [("sdot-128", "aarch64-linux-gnu", "sdot"), ("vpdpbusd-256", "x86_64-linux-gnu", "vpdpbusd")],
)
def test_the_kernel_compiles_for_processors_that_are_not_this_one(
    name: str, triple: str, instruction: str
) -> None:
    how = next(one for one in INSTRUCTIONS if one.name == name)
    assembly = compile_tile(how, triple)
    assert instruction in assembly


def compile_tile(how: Any, triple: str) -> str:
    """Return the assembly of the kernel for another processor."""
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    module = ir.Module()
    module.triple = triple
    pointer, number = ir.PointerType(), ir.IntType(64)
    kinds = [pointer, number, pointer, number, pointer, pointer, number, number, pointer, pointer]
    function = ir.Function(module, ir.FunctionType(number, kinds), "score_tile")
    builder = ir.IRBuilder(function.append_basic_block())
    builder.ret(TileWriter(how, builder, *function.args).write())
    machine = binding.Target.from_triple(triple).create_target_machine(features=f"+{how.feature}", opt=2)
    assembly: str = machine.emit_assembly(binding.parse_assembly(str(module)))
    return assembly


def test_a_change_of_the_tile_writer_compiles_the_kernels_again() -> None:
    """Numba knows of no other file than the kernel's own, so that one must change with it."""
    digest = hashlib.sha256((ROOT / "models/topn/dot_kernel.py").read_bytes()).hexdigest()[:12]
    assert digest == numba_kernels.TILE_WRITER, f"set TILE_WRITER of numba_kernels.py to {digest}"
