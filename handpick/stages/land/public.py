"""The part of the land stage that the validate stage may use: landing, reading, mapping inference and manifests."""

from handpick.stages.land import run
from handpick.stages.land.adapters import read
from handpick.stages.land.manifest import read_manifest_files
from handpick.stages.land.mapping_inference import completed, toml_lines
from handpick.stages.land.pending_files import arrivals

__all__ = ["arrivals", "completed", "read", "read_manifest_files", "run", "toml_lines"]
