"""The pipeline: the registry of the stages, their runner, and backfills."""
