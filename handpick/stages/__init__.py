"""The stages, a package each with `run(night) -> StageResult`, as declared by `handpick.pipeline.registry`."""
