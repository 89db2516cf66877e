"""The stages, a package each with `run(night) -> StageResult`; `handpick.pipeline.registry` declares them."""
