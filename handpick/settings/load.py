"""Loads `handpick.toml` and the environment (`HANDPICK__SECTION__KEY`) into one typed, frozen object."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from handpick.errors import ConfigurationError
from handpick.settings.airflow import AirflowSettings
from handpick.settings.alerts import AlertsSettings
from handpick.settings.configuration_file import FILE_NAME, FILE_VARIABLE, find_configuration_file, read_file
from handpick.settings.drift import DriftSettings
from handpick.settings.embed import EmbedSettings
from handpick.settings.environment import check_variable_names, describe_unreadable_variable
from handpick.settings.evaluate import EvaluateSettings
from handpick.settings.experiments import ExperimentSettings, check_experiments
from handpick.settings.features import FeaturesSettings
from handpick.settings.gate import GateSettings
from handpick.settings.lake import LakeSettings
from handpick.settings.lineage import LineageSettings
from handpick.settings.pretraining import PretrainingSettings
from handpick.settings.privacy import PrivacySettings
from handpick.settings.renamed import DELIMITER, PREFIX, describe_renamed_keys
from handpick.settings.rules import RulesSettings
from handpick.settings.score import ScoreSettings
from handpick.settings.secret_values import describe_rejected_value, register_secret_settings
from handpick.settings.serving import ServingSettings
from handpick.settings.shop import ShopSettings
from handpick.settings.sources import SourcesSettings
from handpick.settings.spark import SparkSettings
from handpick.settings.transform import TransformSettings
from handpick.settings.validate import ValidateSettings
from handpick.settings.warehouse import WarehouseSettings
from models.config import FamilyConfig, FusionConfig, TrainingConfig

__all__ = ["FILE_NAME", "FILE_VARIABLE", "Settings", "find_configuration_file", "load"]


class Settings(BaseSettings):
    """All settings, by section."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter=DELIMITER,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    home: Path = Field(Path(), description="Folder that relative paths start from; set by `load`.")
    seed: int = Field(
        7,
        ge=0,
        lt=2**32,
        description="Seed of all random numbers; the same seed and inputs give the same bytes.",
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
    alerts: AlertsSettings = AlertsSettings()
    privacy: PrivacySettings = PrivacySettings()
    drift: DriftSettings = DriftSettings()
    experiments: tuple[ExperimentSettings, ...] = Field(
        (), description="Comparisons of variants of the lists, each a table `[[experiments]]`."
    )

    @model_validator(mode="after")
    def _check_experiments(self) -> Self:
        """Reject experiments that get into one another's way."""
        check_experiments(self.experiments)
        return self

    def model_post_init(self, context: Any) -> None:  # noqa: ARG002
        """Keep the secrets among the settings out of all messages."""
        register_secret_settings(self)

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
        toml = InitSettingsSource(settings_cls, read_file(find_configuration_file()))
        return init_settings, env_settings, toml


def load(**overrides: Any) -> Settings:
    """Read the configuration.

    Args:
        overrides: Sections or keys that win over the file and the environment.

    Raises:
        ConfigurationError: If the file cannot be read, or a key is unknown, has another name now, or has an
            unusable value; names each of them.
    """
    file = find_configuration_file()
    check_variable_names(Settings)
    try:
        # Relative paths of all sections start at the file's folder, unless an override sets `home`.
        return Settings(**{"home": file.resolve().parent, **overrides})
    except ValidationError as error:
        # Renamed keys are reported first; other errors appear once they have their new names.
        if renamed := describe_renamed_keys(error, file):
            raise ConfigurationError("; ".join(renamed)) from None
        problems = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            + describe_rejected_value(Settings, problem)
            for problem in error.errors()
        )
        raise ConfigurationError(f"{file}: {problems}") from None
    except SettingsError:
        raise ConfigurationError(describe_unreadable_variable(Settings)) from None
