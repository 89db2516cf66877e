"""Keys of `handpick.toml` that were renamed: using an old name is an error that names the new one."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import ValidationError

from models.config import Config, FamilyConfig, FusionConfig, TrainingConfig


def _collect_former_keys(section: str, config: type[Config]) -> dict[str, str]:
    """Return the former keys of a section and of the sections in it, as dotted keys."""
    found = {f"{section}.{old}": f"{section}.{new}" for old, new in config.former_keys.items()}
    for name, field in config.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Config):
            found |= _collect_former_keys(f"{section}.{name}", field.annotation)
    return found


RENAMED_KEYS = {
    "embed.audio_seconds": "embed.max_audio_seconds",
    "evaluate.most_users": "evaluate.max_users",
    "family.stacked.least_rows": "family.stacked.min_leaf_rows",
    "family.stacked.most_users": "family.stacked.max_users",
    "gate.coverage_drop": "gate.min_relative_coverage",
    "gate.least_coverage": "gate.min_coverage",
    "gate.least_users": "gate.min_relative_users",
    "gate.most_alike": "gate.max_identical_lists",
    "gate.most_popular": "gate.max_popularity_overlap",
    "gate.slice_users": "gate.min_slice_users",
    "pretraining.most_pictures": "pretraining.max_images",
    "pretraining.most_texts": "pretraining.max_texts",
    "score.block_users": "score.rerank_batch_users",
    "score.launch_most": "score.max_launch_items",
    "score.pool": "score.candidates",
    "score.users_at_once": "score.scoring_batch_users",
    "validation.stop_least_rows": "validation.stop_min_rows",
    **_collect_former_keys("fusion", FusionConfig),
    **_collect_former_keys("family", FamilyConfig),
    **_collect_former_keys("training", TrainingConfig),
}
"""Old dotted key = new dotted key.

Those of `models.config` are declared with their class, which also reads stored models by them.
"""

PREFIX, DELIMITER = "HANDPICK__", "__"


def describe_renamed_keys(error: ValidationError, file: Path) -> list[str]:
    """Describe the renamed keys among those that the settings rejected as unknown.

    Args:
        error: What pydantic found wrong; it is independent of whether a key came from the file or the
            environment.
        file: The settings file, named for keys that are not in the environment.

    Returns:
        One sentence per renamed key, which names the file or the variable, the old and the new key.
    """
    variables = {name.upper(): name for name in os.environ}
    found = []
    for problem in error.errors():
        old = ".".join(str(part) for part in problem["loc"])
        if problem["type"] != "extra_forbidden" or old not in RENAMED_KEYS:
            continue
        new = RENAMED_KEYS[old]
        variable = variables.get(_variable_of(old))
        if variable is None:
            found.append(f"{file}: the key {old} is now called {new}; rename it there")
        else:
            found.append(f"{variable}: the key {old} is now called {new}; set {_variable_of(new)} instead")
    return found


def _variable_of(key: str) -> str:
    """Return the environment variable that sets a dotted key."""
    return PREFIX + key.upper().replace(".", DELIMITER)
