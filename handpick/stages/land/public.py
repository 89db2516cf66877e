"""Public interface of the land stage: landing, reading of files, mapping inference, manifests."""

from handpick.stages.land import run
from handpick.stages.land.file_formats import read_pending_file
from handpick.stages.land.manifest import read_manifest_files
from handpick.stages.land.mapping_inference import infer_mapping, render_toml_lines
from handpick.stages.land.pending_files import DEMO_MARK, is_demo_source, list_pending_files

__all__ = [
    "DEMO_MARK",
    "infer_mapping",
    "is_demo_source",
    "list_pending_files",
    "read_manifest_files",
    "read_pending_file",
    "render_toml_lines",
    "run",
]
