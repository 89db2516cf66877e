"""Loads `handpick.toml` and the environment (`HANDPICK__SECTION__KEY`) into one typed, frozen object."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from handpick.errors import ConfigurationError
from handpick.settings.airflow import AirflowSettings
from handpick.settings.embed import EmbedSettings
from handpick.settings.evaluate import EvaluateSettings
from handpick.settings.features import FeaturesSettings
from handpick.settings.gate import GateSettings
from handpick.settings.lake import LakeSettings
from handpick.settings.lineage import LineageSettings
from handpick.settings.pretraining import PretrainingSettings
from handpick.settings.renamed import DELIMITER, PREFIX, describe_renamed_keys
from handpick.settings.rules import RulesSettings
from handpick.settings.score import ScoreSettings
from handpick.settings.serving import ServingSettings
from handpick.settings.shop import ShopSettings
from handpick.settings.sources import SourcesSettings
from handpick.settings.spark import SparkSettings
from handpick.settings.transform import TransformSettings
from handpick.settings.validate import ValidateSettings
from handpick.settings.warehouse import WarehouseSettings
from models.config import FamilyConfig, FusionConfig, TrainingConfig

FILE_NAME = "handpick.toml"
FILE_VARIABLE = "HANDPICK_CONFIG"


class Settings(BaseSettings):
    """All settings, by section."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter=DELIMITER, extra="forbid", frozen=True
    )

    home: Path = Field(Path(), description="Folder that relative paths start from; set by `load`.")
    seed: int = Field(
        7, description="Seed of all random numbers; the same seed and inputs give the same bytes."
    )
    shop: ShopSettings = ShopSettings()
    lake: LakeSettings = LakeSettings()
    sources: SourcesSettings = SourcesSettings()
    validation: ValidateSettings = ValidateSettings()
    spark: SparkSettings = SparkSettings()
    transform: TransformSettings = TransformSettings()
    warehouse: WarehouseSettings = WarehouseSettings()
    embed: EmbedSettings = EmbedSettings()
    pretraining: PretrainingSettings = PretrainingSettings()
    features: FeaturesSettings = FeaturesSettings()
    fusion: FusionConfig = FusionConfig()
    family: FamilyConfig = FamilyConfig()
    training: TrainingConfig = TrainingConfig()
    evaluate: EvaluateSettings = EvaluateSettings()
    gate: GateSettings = GateSettings()
    score: ScoreSettings = ScoreSettings()
    rules: RulesSettings = RulesSettings()
    serving: ServingSettings = ServingSettings()
    airflow: AirflowSettings = AirflowSettings()
    lineage: LineageSettings = LineageSettings()

    def path(self, relative: Path) -> Path:
        """Return a configured path as an absolute path."""
        return (self.home / relative).resolve()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources by precedence: arguments, then the environment, then the file."""
        file = find_configuration_file()
        toml = TomlConfigSettingsSource(settings_cls, toml_file=file if file.is_file() else None)
        return init_settings, env_settings, toml


def find_configuration_file() -> Path:
    """Return `$HANDPICK_CONFIG`, or else the nearest `handpick.toml` from the working folder upwards.

    Where there is none, it is the path that the file would have in the working folder.
    """
    if FILE_VARIABLE in os.environ:
        return Path(os.environ[FILE_VARIABLE])
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    return here / FILE_NAME


def load(**overrides: Any) -> Settings:
    """Read the configuration.

    Args:
        overrides: Sections or keys that win over the file and the environment.

    Raises:
        ConfigurationError: If a key is unknown, has another name now, or has an unusable value; names each of
            them.
    """
    file = find_configuration_file()
    try:
        # Relative paths of all sections start at the file's folder, unless an override sets `home`.
        return Settings(**{"home": file.resolve().parent, **overrides})
    except ValidationError as error:
        # Renamed keys are reported first; other errors appear once they have their new names.
        if renamed := describe_renamed_keys(error, file):
            raise ConfigurationError("; ".join(renamed)) from None
        problems = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']} (got {problem['input']!r})"
            for problem in error.errors()
        )
        raise ConfigurationError(f"{file}: {problems}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file} is not valid TOML: {error}") from None
