"""The command line of the benchmarks: `python -m benchmarks [NAME ...]`."""

from __future__ import annotations

import sys

from rich.console import Console

from benchmarks.benchmark import run_benchmark
from benchmarks.benchmarks_and_targets import BENCHMARKS


def main(arguments: list[str]) -> int:
    """List the benchmarks, or run the named ones; a measurement that several of them share runs once.

    Returns:
        The exit status: 0 if all targets were met, 1 if one was missed, 2 for an unknown name, 77 if
        something that a benchmark needs is missing.
    """
    console = Console(highlight=False)
    if not arguments:
        for benchmark in BENCHMARKS.values():
            targets = ", ".join(f"{target.key} {target} {target.unit}" for target in benchmark.targets)
            console.print(
                f"{benchmark.name:<18} {benchmark.description} ({targets})", markup=False, soft_wrap=True
            )
        console.print("Run one: make bench NAME=first-night")
        return 0
    for name in arguments:
        if name not in BENCHMARKS:
            console.print(f"There is no benchmark {name!r}; `make bench` lists them.", markup=False)
            return 2
    return max([run_benchmark(BENCHMARKS[name], console) for name in arguments])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
