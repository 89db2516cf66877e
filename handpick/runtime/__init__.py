"""Processes and libraries: worker process, Spark session, prefetching, OpenMP, telemetry, disk errors, log, speech."""
