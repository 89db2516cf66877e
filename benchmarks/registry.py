"""All benchmarks, by name."""

from __future__ import annotations

from benchmarks.face import Benchmark, Target

_ALL = (
    Benchmark(
        "first-night",
        "fresh machine to first published lists at rung S, downloads apart",
        "night:first_and_second",
        (
            Target("first_seconds", "s", at_most=360),
            Target("first_night_seconds", "s", at_most=180),
        ),
    ),
    Benchmark(
        "second-night",
        "the next day's night against the first, at rung S",
        "night:first_and_second",
        (Target("second_share_of_first", "of the first", at_most=0.5),),
    ),
    Benchmark(
        "overhead",
        "what is not work in a night at rung S: process starts, loading, Airflow between tasks",
        "night:first_and_second",
        (Target("overhead_seconds", "s", at_most=60),),
    ),
    Benchmark(
        "memory-s",
        "peak memory of the night at rung S, Airflow apart",
        "night:first_and_second",
        (Target("peak_mib", "MiB", at_most=4096),),
    ),
    Benchmark(
        "quality-s",
        "fusion against popularity, the best collaborative member and the oracle at rung S",
        "quality:quality_s",
        (
            Target("fusion_over_best_collaborative", "x", at_least=1.0),
            Target("fusion_over_popularity", "x", at_least=1.0),
            Target("fusion_share_of_oracle", "of the oracle's NDCG@20", at_least=0.5),
            Target("cold_phones_fusion_over_content", "x", at_least=1.0),
        ),
    ),
)

BENCHMARKS = {benchmark.name: benchmark for benchmark in _ALL}
