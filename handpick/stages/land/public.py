"""Public interface of the land stage: landing, reading of files, mapping inference, manifests."""

from handpick.stages.land import run
from handpick.stages.land.erase_rows import CannotErase, list_landing_files, stage_without_rows
from handpick.stages.land.file_formats import read_pending_file
from handpick.stages.land.manifest import MANIFEST, build_manifest_entry, read_manifest_files
from handpick.stages.land.mapping_inference import infer_mapping, render_toml_lines
from handpick.stages.land.pending_files import (
    DEMO_MARK,
    get_source_folder,
    is_demo_source,
    list_pending_files,
)
from handpick.stages.land.remote_files import is_remote_url

__all__ = [
    "DEMO_MARK",
    "MANIFEST",
    "CannotErase",
    "build_manifest_entry",
    "get_source_folder",
    "infer_mapping",
    "is_demo_source",
    "is_remote_url",
    "list_landing_files",
    "list_pending_files",
    "read_manifest_files",
    "read_pending_file",
    "render_toml_lines",
    "run",
    "stage_without_rows",
]
