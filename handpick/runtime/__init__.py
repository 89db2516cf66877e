"""Processes and libraries: worker process, Spark session, prefetching, warm-up, telemetry, disk errors, log, speech."""
