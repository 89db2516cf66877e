"""Processes and libraries: worker process, Spark, prefetching, OpenMP, telemetry, disk errors, log."""
