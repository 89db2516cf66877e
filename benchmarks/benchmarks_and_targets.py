"""Declares all benchmarks: name, description, function, targets and required data."""

from __future__ import annotations

from benchmarks.benchmark import Benchmark, Target

_BENCHMARKS = (
    Benchmark(
        "first-night",
        "from a fresh machine to the first published lists at rung S, downloads excluded",
        "night:measure_two_nights",
        (
            Target("first_seconds", "s", at_most=360),
            # 90 on processors with VNNI or AMX, 150 on those with AVX2 alone
            Target("first_night_seconds", "s", at_most=90),
        ),
    ),
    Benchmark(
        "second-night",
        "the next day's night compared with the first, at rung S",
        "night:measure_two_nights",
        (Target("second_share_of_first", "of the first", at_most=0.45),),
    ),
    Benchmark(
        "overhead",
        "overhead of a night at rung S: process starts, loading libraries, Airflow between tasks",
        "night:measure_two_nights",
        (Target("overhead_seconds", "s", at_most=20),),
    ),
    Benchmark(
        "starts",
        "processor time of each command, and heavy libraries that it loads without need, at rung XS",
        "starts:measure",
        (
            Target("help_seconds", "s of the processor for --help", at_most=0.5),
            Target("lists_seconds", "s of the processor for a list", at_most=0.8),
            Target("commands_with_surplus", "commands that load what they may not", at_most=0),
        ),
    ),
    Benchmark(
        "memory-s",
        "peak memory of the night at rung S, without Airflow",
        "night:measure_two_nights",
        (Target("peak_mib", "MiB", at_most=4096),),
    ),
    Benchmark(
        "cosmos",
        "dbt through Airflow, one task per model and test, compared with a plain dbt build at rung XS",
        "cosmos:measure",
        (Target("cosmos_over_bare", "x the bare dbt build", at_most=1.3),),
    ),
    Benchmark(
        "experiment-power",
        "false calls, coverage and power of experiments looked at on 28 days, with the users of rung M",
        "experiment_power:measure",
        (
            Target("called_without_effect", "of 500 experiments without effect called", at_most=0.05),
            Target("covered_on_all_days", "of them covered on all days", at_least=0.93, at_most=0.97),
            Target("found_two_percent", "found at 2 % more conversion", at_least=0.8),
            Target("found_two_points", "found at 2 percentage points more", at_least=0.8),
            Target("covered_two_percent", "of intervals cover the true lift at the end", at_least=0.93),
            Target("narrowed_conversion", "narrower by CUPED", at_least=0.2),
        ),
    ),
    Benchmark(
        "reasons",
        "2,000 drawn reasons of rung S checked against the lake's tables, and how many are general",
        "reasons:measure",
        (
            Target("true_share", "true", at_least=1.0),
            Target("general_share", "general", at_most=0.1),
            Target("colour_first_share", "of similar phones explained by a colour first", at_most=0.01),
            Target("flagship_share_where_simple", "flagships where a simple phone is asked", at_most=0.01),
        ),
    ),
    Benchmark(
        "materialize",
        "entities of 20 features per second into the online stores, compared with Feast's own path",
        "materialize:measure",
        (
            Target("sqlite_entities_per_second", "entities a second", at_least=50_000),
            Target("sqlite_over_stock", "x Feast's own", at_least=10),
            Target("postgres_entities_per_second", "entities a second", at_least=50_000),
            Target("postgres_over_stock", "x Feast's own", at_least=10),
        ),
    ),
    Benchmark(
        "quality-s",
        "fusion compared with popularity, the best collaborative member and the oracle at rung S",
        "quality:measure_quality_s",
        (
            Target("fusion_over_best_collaborative", "x", at_least=1.0),
            Target("fusion_over_popularity", "x", at_least=1.0),
            Target("fusion_share_of_oracle", "of the oracle's NDCG@20", at_least=0.5),
            Target("cold_phones_fusion_over_content", "x", at_least=1.0),
        ),
    ),
    Benchmark(
        "fusion-oracle",
        "the fusion model's share of the oracle for all users, cold phones and query-only users, rung S",
        "fusion_model:measure_oracle_share",
        (
            Target("share_of_oracle", "of the oracle's NDCG@20", at_least=0.7),
            Target("cold_phones_over_content", "x content's Recall@20", at_least=2.0),
            Target("query_only_share_of_oracle", "of the oracle's NDCG@20", at_least=0.6),
        ),
    ),
    Benchmark(
        "ceiling",
        "the share of the oracle that is attainable without knowing the users' tastes, rung S",
        "attainable_share:measure",
        (Target("all_share_of_oracle", "of the oracle's NDCG@20", at_most=1.0),),
    ),
    Benchmark(
        "missing-modality",
        "fall of NDCG@20 in a shop where half the phones lack one modality, at rung S",
        "fusion_model:measure_missing_modality",
        (
            Target("largest_fall", "of NDCG@20", at_most=0.05),
            Target("largest_fall_at_scoring", "of NDCG@20", at_most=0.05),
        ),
    ),
    Benchmark(
        "movielens-1m",
        "the night's models on films with posters and plots, and films held out of training",
        "movielens_1m:measure",
        (
            Target("ndcg_10", "NDCG@10", at_least=0.3257),
            Target("recall_10", "Recall@10", at_least=0.1679),
            Target("content_gain_ndcg_10_low", "NDCG@10, lower end of what content adds", at_least=1e-9),
            Target("cold_among_all_over_content", "x content's NDCG@20", at_least=1.5),
            Target("cold_among_all_over_popularity", "x popularity's NDCG@20", at_least=3.0),
            Target("cold_among_cold_over_content", "x content's NDCG@20", at_least=1.5),
            Target("cold_among_cold_over_popularity", "x popularity's NDCG@20", at_least=3.0),
        ),
        ("movielens-1m-posters/lightgcnpp/train.txt",),
    ),
    Benchmark(
        "gowalla",
        "the family's best hybrid on Gowalla, all items ranked, fitting and scoring",
        "gowalla:measure",
        (
            Target("recall_20", "Recall@20", at_least=0.1930),
            Target("ndcg_20", "NDCG@20", at_least=0.1610),
            Target("seconds", "s", at_most=600),
        ),
        needs=("gowalla",),
    ),
    Benchmark(
        "gowalla-fast",
        "a graph filter on Gowalla against LightGCN's published Recall@20, fitting and scoring within a "
        "minute",
        "gowalla:measure_fast_filter",
        (Target("recall_20", "Recall@20", at_least=0.1830), Target("seconds", "s", at_most=60)),
        needs=("gowalla",),
    ),
    Benchmark(
        "als-parity",
        "implicit's ALS through the family's interface compared with the library itself, MovieLens-100k",
        "als_parity:measure",
        (Target("largest_difference", "of the library's figures", at_most=0.01),),
        needs=("movielens-100k",),
    ),
    Benchmark(
        "gate-power",
        "share of simulated nights on which a truly worse, and a truly better, challenger is promoted",
        "gate_power:measure",
        (
            Target("worse_promoted", "of 200 nights", at_most=0.05),
            Target("better_promoted", "of 200 nights", at_least=0.8),
        ),
    ),
    Benchmark(
        "arena",
        "every member of the family on Gowalla and MovieLens-100k compared with published results, with "
        "time and memory",
        "model_comparison:measure",
        (
            Target("gowalla_best_recall_20", "Recall@20", at_least=0.1830),
            Target("movielens-100k_over_popularity", "x popularity's NDCG@20", at_least=1.0),
        ),
        needs=("gowalla", "movielens-100k"),
        prints_tables=True,
    ),
    Benchmark(
        "hybrid-s",
        "the nightly hybrid compared with every single member at rung S, all users and every slice",
        "hybrid:measure",
        (
            Target(
                "slices_where_a_member_is_better", "slices where a member is significantly better", at_most=0
            ),
            Target("hybrid_over_best_member", "x", at_least=1.0),
        ),
    ),
    Benchmark(
        "fuzz",
        "2,400 damaged files through landing and validation",
        "fuzz:measure",
        (
            Target("crashed", "files", at_most=0),
            Target("files_that_lost_a_good_row", "files", at_most=0),
            Target("files_that_do_not_balance", "files", at_most=0),
            Target("files", "files", at_least=2000),
        ),
    ),
    Benchmark(
        "fuzz-settings",
        "2,000 damaged settings and folders through `init`, `check` and landing",
        "init_cases:measure_damage",
        (Target("crashed", "cases", at_most=0), Target("cases", "cases", at_least=2000)),
    ),
    Benchmark(
        "init-cases",
        "files that shops really send: the shared cases, and 60 generated shops with eight troubles each",
        "init_cases:measure",
        (
            Target("silently_wrong", "cases", at_most=0),
            Target("crashed", "cases and shops", at_most=0),
            Target("shops_with_a_silent_wrong_value", "of 60 shops", at_most=0),
            Target("cases", "cases", at_least=46),
        ),
    ),
    Benchmark(
        "validation-m",
        "validation with quarantine of rung M's 5 million events",
        "validation_m:measure",
        (
            Target("validation_seconds", "s", at_most=60),
            Target("over_read_and_write", "x reading and writing", at_most=1.5),
            Target("faster_than_gx", "x Great Expectations' row rules", at_least=5),
        ),
    ),
    Benchmark(
        "engine",
        "the row filter and the transforms on DuckDB in the process compared with Spark, rungs S and M",
        "engine:measure",
        (
            Target("spark_over_duckdb", "x DuckDB's seconds", at_least=5),
            Target("tables_that_differ", "tables", at_most=0),
        ),
    ),
    Benchmark(
        "spark-peer",
        "the transforms on Spark compared with the same logic in DuckDB, one process, rung M",
        "spark_peer:measure",
        (Target("over_duckdb", "x DuckDB", at_most=4.0), Target("tables_that_differ", "tables", at_most=0)),
    ),
    Benchmark(
        "features-m",
        "landing to features at rung M: the first night, and the second with one day's new data",
        "features_m:measure",
        (
            Target("first_seconds", "s", at_most=90),
            Target("second_share_of_first", "of the first", at_most=0.15),
        ),
    ),
    Benchmark(
        "growth",
        "landing to features at rungs S, M and L, S and M before and after L: the exponent of time over "
        "rows, after a constant",
        "features_m:measure_growth",
        (Target("exponent", "", at_most=1.0), Target("largest_peak_gib", "GiB", at_most=16)),
    ),
    Benchmark(
        "specs",
        "values parsed from 4,508 raw spec sheets of real phones, compared with 200 phones read by hand",
        "specs:measure",
        (
            Target("coverage", "of the figures stated", at_least=0.95),
            Target("sample_coverage", "of the figures stated", at_least=0.95),
            Target("correctness", "of the figures read", at_least=0.98),
        ),
        needs=("phones",),
    ),
    Benchmark(
        "catalogues",
        "what is read of other shops' catalogues, straight from `handpick init`, and of sheets written in "
        "twelve languages, compared with values read by hand",
        "catalogues:measure",
        (
            Target("found", "of the values stated in ../shared", at_least=0.95),
            Target("right", "of the values found in ../shared", at_least=0.98),
            Target("written_found", "of the values stated on written sheets", at_least=0.90),
            Target("written_right", "of the values found on written sheets", at_least=0.97),
        ),
        needs=("phone-shop", "amazon-phones"),
    ),
    Benchmark(
        "topn",
        "exact top-20 of all users on ALS factors of Gowalla compared with implicit and the bare float32 "
        "product",
        "topn:measure",
        (
            Target(
                "of_allowed", "of the allowed time (0.6 of the product's with VNNI, else 1.0)", at_most=1.0
            ),
            Target("of_implicit", "of implicit's time", at_most=0.5),
            Target("l_of_allowed", "of the allowed time at rung L", at_most=1.0),
            Target("l_of_implicit", "of implicit's time at rung L", at_most=0.5),
            Target("differences", "ranks that differ from brute force", at_most=0),
        ),
        needs=("gowalla",),
    ),
    Benchmark(
        "topn-spark",
        "exact top-100, local and on Spark, compared with Spark's ALS.recommendForAllUsers on the same "
        "factors",
        "topn_spark:measure",
        (
            Target("times_faster", "x faster", at_least=20),
            Target("engine_differences", "ranks that differ from the local lists", at_most=0),
        ),
        needs=("gowalla",),
    ),
    Benchmark(
        "publish",
        "loading, checking and publishing lists compared with a bare binary COPY into an unindexed table",
        "publish:measure",
        (
            Target("share_of_bare_rate", "of the bare row rate", at_least=0.7),
            Target("seconds_for_rung_l", "s for 20 million rows", at_most=120),
        ),
    ),
    Benchmark(
        "pages",
        "the pages of the Recommendations app over lists of rung L and 300 nights (USERS=1_000_000)",
        "pages:measure",
        (Target("slowest_ms", "ms for the slowest page", at_most=200),),
    ),
    Benchmark(
        "readers",
        "8 readers during a publish or a rollback every 2 s for 5 minutes (READING_SECONDS=300)",
        "readers:measure",
        (
            Target("p99_ms", "ms for one user's list", at_most=20),
            Target("wrong", "errors, empty or mixed lists", at_most=0),
        ),
    ),
    Benchmark(
        "integrity",
        "checksums of the lake written and compared, as a share of a night at rung S",
        "integrity:measure",
        (Target("integrity_share", "of the night", at_most=0.03),),
    ),
    Benchmark(
        "same-bytes",
        "two nights in eight environments: hash seeds, threads, processors, time zones, load (RUNG=S)",
        "same_bytes:measure",
        (Target("tables_differ", "tables with other bytes", at_most=0),),
    ),
    Benchmark(
        "faults",
        "kills, also under Airflow, broken disks, nights at once, in other order or late, odd shops, clocks",
        "faults:measure",
        (
            Target("not_survived", "faults not survived", at_most=0),
            Target("kinds_missing", "kinds not run to their end", at_most=0),
            Target("rows_lost", "nights with other rows", at_most=0),
            Target("mixed_reads", "reads of a mixture", at_most=0),
            Target("false_messages", "false messages", at_most=0),
            Target("tracebacks", "tracebacks", at_most=0),
        ),
    ),
    Benchmark(
        "hostile",
        "5,000 hostile values through every column (VALUES=5000): where one acts, or a secret is shown",
        "hostile:measure",
        (
            Target("unescaped", "places where a text was not only text", at_most=0),
            Target("secrets_shown", "places with a planted secret", at_most=0),
        ),
    ),
    Benchmark(
        "kill",
        "kill -9 at 50 random times of score and publish (KILLS=50)",
        "kill:measure",
        (
            Target("wrong_reads", "reads that saw no complete version", at_most=0),
            Target("other_digests", "runs after a kill with another digest", at_most=0),
        ),
    ),
    Benchmark(
        "drift",
        "false alarms and power of the drift and volume limits, on simulated shops",
        "drift:measure",
        (
            Target("worst_false_alarm_rate", "of the nights", at_most=0.02),
            Target("found_shifts_of_0.4_deviations", "of the shifts", at_least=0.9),
            Target("volume_false_stops", "of ordinary nights", at_most=0.001),
            Target("volume_thirds_that_stop", "of nights with 30 % of their rows", at_least=0.9),
        ),
    ),
    Benchmark(
        "pretraining",
        "downstream NDCG@20 with and without each pretraining objective, demo shop and MovieLens-100k",
        "pretraining:measure",
        (
            Target("demo_audio_text_queries_ratio", "x without", at_least=1.0),
            Target("movielens_masked_language_text_ratio", "x without", at_least=1.0),
        ),
        needs=("movielens-100k",),
    ),
    Benchmark(
        "sequence-beauty",
        "the sequence encoder alone on Amazon Beauty, last item of each user, all items ranked",
        "sequence:measure_beauty",
        (Target("recall_10", "Recall@10", at_least=0.0928), Target("ndcg_10", "NDCG@10", at_least=0.0531)),
        needs=("amazon-beauty",),
    ),
    Benchmark(
        "sequence-sports",
        "the sequence encoder alone with the same settings on Amazon Sports and Outdoors",
        "sequence:measure_sports",
        (Target("recall_10", "Recall@10", at_least=0.0569), Target("ndcg_10", "NDCG@10", at_least=0.0323)),
        needs=("amazon-sports",),
    ),
    Benchmark(
        "training-speed",
        "training speed of the sequence encoder compared with RecBole's SASRec, two cores, every third user "
        "of Beauty",
        "training_speed:measure",
        (
            Target("times_recbole", "x RecBole's samples a second", at_least=2.0),
            Target("ndcg_over_recbole", "x RecBole's validation NDCG@10", at_least=1.0),
        ),
        needs=("amazon-beauty",),
    ),
)

BENCHMARKS = {benchmark.name: benchmark for benchmark in _BENCHMARKS}
