"""Feast's file registry, in a folder that is made when it is not there yet."""

from __future__ import annotations

from pathlib import Path

from feast.infra.registry.file import FileRegistryStore
from feast.repo_config import RegistryConfig


class FolderRegistryStore(FileRegistryStore):
    """So that `feast apply` works in a fresh checkout, before the first night has made `var/`."""

    def __init__(self, registry_config: RegistryConfig, repo_path: Path) -> None:
        super().__init__(registry_config, repo_path)
        self._filepath.parent.mkdir(parents=True, exist_ok=True)
