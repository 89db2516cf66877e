"""Runs a command with libraries held to an instruction set: `instruction_sets.py avx2 COMMAND...`.

So that one processor shows what others do: tests (`make test ISA=avx2`) and benchmarks (`make bench NAME=topn
ISA=avx2`) run on the paths that torch, oneDNN, MKL, OpenBLAS, numpy and numba take where there is no more. A
processor cannot be held to what it does not have; libraries then use what there is, and numba's code would
end with an illegal instruction, so the command is not run.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

_V2 = "+cx16,+popcnt,+sahf,+sse3,+sse4.1,+sse4.2,+ssse3"
_V3 = _V2 + ",+avx,+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe"
_V4 = _V3 + ",+avx512bw,+avx512cd,+avx512dq,+avx512f,+avx512vl"


class InstructionSet(NamedTuple):
    """A level of instructions, and the switches that hold libraries to it.

    Args:
        about: What has it.
        needs: Flags of `/proc/cpuinfo`.
        features: What numba compiles for, in LLVM's names.
        torch: `ATEN_CPU_CAPABILITY`.
        onednn: `ONEDNN_MAX_CPU_ISA`.
        mkl: `MKL_ENABLE_INSTRUCTIONS`, which MKL heeds on Intel's processors.
        openblas: `OPENBLAS_CORETYPE`, for numpy and scipy.
        numpy_without: `NPY_DISABLE_CPU_FEATURES`.
    """

    about: str
    needs: tuple[str, ...]
    features: str
    torch: str
    onednn: str
    mkl: str
    openblas: str
    numpy_without: str

    def list_variables(self) -> dict[str, str]:
        """Return the environment variables."""
        return {
            "NUMBA_CPU_NAME": "generic",
            "NUMBA_CPU_FEATURES": self.features,
            "ATEN_CPU_CAPABILITY": self.torch,
            "ONEDNN_MAX_CPU_ISA": self.onednn,
            "MKL_ENABLE_INSTRUCTIONS": self.mkl,
            "OPENBLAS_CORETYPE": self.openblas,
            "NPY_DISABLE_CPU_FEATURES": self.numpy_without,
        }


_AVX512 = ("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")
INSTRUCTION_SETS = {
    "plain": InstructionSet(
        "no 8-bit instruction that is known here, as on a processor of another kind",
        (),
        "+sse2",
        "default",
        "SSE41",
        "SSE4_2",
        "Nehalem",
        "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
    ),
    "ssse3": InstructionSet(
        "x86 without AVX2",
        ("ssse3",),
        _V2,
        "default",
        "SSE41",
        "SSE4_2",
        "Nehalem",
        "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
    ),
    "avx2": InstructionSet(
        "AMD Zen to Zen 3, Intel Haswell to Comet Lake",
        ("avx2", "fma"),
        _V3,
        "avx2",
        "AVX2",
        "AVX2",
        "Haswell",
        "X86_V4 AVX512_ICL AVX512_SPR",
    ),
    "avx2-vnni": InstructionSet(
        "Intel Alder Lake and later, AMD Zen 5",
        ("avx2", "fma", "avx_vnni"),
        _V3 + ",+avxvnni",
        "avx2",
        "AVX2_VNNI",
        "AVX2",
        "Haswell",
        "X86_V4 AVX512_ICL AVX512_SPR",
    ),
    "avx512": InstructionSet(
        "Intel Skylake servers",
        _AVX512,
        _V4,
        "avx512",
        "AVX512_CORE",
        "AVX512",
        "SkylakeX",
        "AVX512_ICL AVX512_SPR",
    ),
    "vnni": InstructionSet(
        "Intel Cascade Lake and Ice Lake servers, AMD Zen 4",
        (*_AVX512, "avx512_vnni"),
        _V4 + ",+avx512vnni",
        "avx512",
        "AVX512_CORE_VNNI",
        "AVX512_E1",
        "SkylakeX",
        "AVX512_SPR",
    ),
    "amx": InstructionSet(
        "Intel Sapphire Rapids and later",
        (*_AVX512, "avx512_vnni", "amx_int8", "amx_bf16"),
        _V4 + ",+avx512vnni,+avxvnni",
        "avx512",
        "AVX512_CORE_AMX",
        "AVX512_E4",
        "SapphireRapids",
        "",
    ),
}


def read_flags() -> set[str]:
    """Return this processor's flags as Linux names them; none elsewhere."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    flags = next((line.split(":")[1] for line in lines if line.startswith(("flags", "Features"))), "")
    return set(flags.split())


def find_missing(name: str) -> list[str]:
    """Return what this processor lacks for an instruction set."""
    return sorted(set(INSTRUCTION_SETS[name].needs) - read_flags())


def main(arguments: list[str]) -> int:
    """Run the command, or say why not; return 2 for a wrong name and 77 for what this processor lacks."""
    name, *command = arguments or [""]
    if name not in INSTRUCTION_SETS or not command:
        print("Usage: instruction_sets.py NAME COMMAND..., where NAME is one of", file=sys.stderr)
        for known, one in INSTRUCTION_SETS.items():
            print(f"  {known:<10} {one.about}", file=sys.stderr)
        return 2
    if missing := find_missing(name):
        print(f"not run: this processor has no {', '.join(missing)}, which {name} needs", file=sys.stderr)
        return 77
    variables = INSTRUCTION_SETS[name].list_variables()
    return subprocess.run(
        command, env={**os.environ, **variables, "HANDPICK_ISA": name}, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
