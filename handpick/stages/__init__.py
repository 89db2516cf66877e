"""The stages, one package each with `run(night) -> StageResult`; `handpick.pipeline.registry` declares them."""
