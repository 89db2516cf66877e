"""Defines a benchmark and its targets, and runs it: compares, prints and stores the result."""

from __future__ import annotations

import importlib
import json
import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from scripts.instruction_sets import read_flags

RESULTS = Path(__file__).parent / "results"
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
MISSED_STATUS, UNAVAILABLE_STATUS = 1, 77


class Unavailable(Exception):
    """Something that the benchmark needs is missing; the message names it and where it was looked for."""


@dataclass(frozen=True)
class Target:
    """A bound on one measured value.

    Args:
        key: The name of the measured value.
        unit: Printed after the value.
        at_most: The value must not be above this.
        at_least: The value must not be below this.
    """

    key: str
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    def is_met(self, measured: Mapping[str, Any]) -> bool:
        """Return whether the measured value is within the bounds."""
        value = float(measured[self.key])
        return (self.at_most is None or value <= self.at_most) and (
            self.at_least is None or value >= self.at_least
        )

    def __str__(self) -> str:
        if self.at_most is not None and self.at_least is not None:
            return f"{self.at_least:g} to {self.at_most:g}"
        return f"at most {self.at_most:g}" if self.at_most is not None else f"at least {self.at_least:g}"


@dataclass(frozen=True)
class Benchmark:
    """A named measurement with targets.

    Args:
        name: The name on the command line.
        description: One line.
        function: `module:function` below `benchmarks`; the function returns the measured values by name.
        targets: The values that decide success; the first is the headline.
        needs: Files below `../shared/data` without which it cannot run.
        prints_tables: Whether it prints its own tables; then only the values with a target are printed after
            them.
    """

    name: str
    description: str
    function: str
    targets: tuple[Target, ...]
    needs: tuple[str, ...] = ()
    prints_tables: bool = False

    def measure(self) -> dict[str, Any]:
        """Run the benchmark and return the measured values by name.

        Raises:
            Unavailable: If something that it needs is missing.
        """
        for need in self.needs:
            if not (DATA / need).exists():
                raise Unavailable(f"{self.name} needs {need} below {DATA}")
        module, function = self.function.split(":")
        body: Callable[[], dict[str, Any]] = getattr(
            importlib.import_module(f"benchmarks.{module}"), function
        )
        return body()


FORCED_ISA = os.environ.get("HANDPICK_ISA", "")
"""The instruction set that libraries are held to, by `make bench ISA=avx2`; empty if to none."""
TOLD_FLAGS = (
    *("ssse3", "avx2", "avx_vnni", "avx512f", "avx512bw", "avx512_vnni", "avx512_bf16", "amx_int8"),
    *("asimd", "asimddp", "i8mm", "sve"),
)
"""Instruction sets that decide which paths libraries take, as Linux names them."""


def describe_machine() -> dict[str, Any]:
    """Return the processor, its instruction sets, cores, memory (GiB) and Python version of this machine."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in _read_lines("/proc/cpuinfo")
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    memory = next(
        (int(line.split()[1]) for line in _read_lines("/proc/meminfo") if line.startswith("MemTotal")), 0
    )
    flags = read_flags()
    return {
        "cpu": model,
        "instruction_sets": " ".join(flag for flag in TOLD_FLAGS if flag in flags),
        "held_to": FORCED_ISA or "all of them",
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 2**20, 1),
        "python": platform.python_version(),
    }


def _read_lines(file: str) -> list[str]:
    return Path(file).read_text().splitlines() if Path(file).exists() else []


def run_benchmark(benchmark: Benchmark, console: Console) -> int:
    """Run one benchmark, print and store its values; return the exit status, 0 if all targets were met."""
    try:
        measured = benchmark.measure()
    except Unavailable as reason:
        console.print(f"{benchmark.name}: not run: {reason}", markup=False)
        return UNAVAILABLE_STATUS
    met = all(target.is_met(measured) for target in benchmark.targets)
    RESULTS.mkdir(exist_ok=True)
    kept = {
        "benchmark": benchmark.name,
        "measured": measured,
        "targets": {target.key: str(target) for target in benchmark.targets},
        "met": met,
        "machine": describe_machine(),
    }
    # A result under an instruction set stands beside the one without, and does not replace it.
    name = f"{benchmark.name}.{FORCED_ISA}" if FORCED_ISA else benchmark.name
    (RESULTS / f"{name}.json").write_text(json.dumps(kept, indent=1, sort_keys=True, default=float) + "\n")
    _print_table(benchmark, measured, console)
    first = benchmark.targets[0]  # the headline
    console.print(
        f"{benchmark.name}: {_format_number(measured[first.key])} {first.unit} (target {first})", markup=False
    )
    return 0 if met else MISSED_STATUS


def _print_table(benchmark: Benchmark, measured: Mapping[str, Any], console: Console) -> None:
    table = Table(
        title=f"{benchmark.name}: {benchmark.description}", title_justify="left", header_style="bold"
    )
    for heading in ("figure", "measured", "target", ""):
        table.add_column(heading, justify="right" if heading == "measured" else "left")
    targets = {target.key: target for target in benchmark.targets}
    shown = {key: measured[key] for key in targets} if benchmark.prints_tables else measured
    for key, value in shown.items():
        target = targets.get(key)
        outcome = "" if target is None else "met" if target.is_met(measured) else "missed"
        table.add_row(key, _format_number(value), f"{target} {target.unit}" if target else "", outcome)
    console.print(table)
    console.print(", ".join(f"{key} {value}" for key, value in describe_machine().items()), style="dim")


def _format_number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, list | tuple):
        return ", ".join(_format_number(part) for part in value)
    return f"{value:,}" if isinstance(value, int) else str(value)
