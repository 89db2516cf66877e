"""Feast's file registry in a folder that is created if it does not exist."""

from __future__ import annotations

from pathlib import Path

from feast.infra.registry.file import FileRegistryStore
from feast.repo_config import RegistryConfig


class FolderRegistryStore(FileRegistryStore):
    """A file registry that creates its folder, as `feast apply` in a fresh checkout needs."""

    def __init__(self, registry_config: RegistryConfig, repo_path: Path) -> None:
        super().__init__(registry_config, repo_path)
        self._filepath.parent.mkdir(parents=True, exist_ok=True)
