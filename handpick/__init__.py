"""Handpick: nightly batch recommendations for phone retailers."""

from handpick.runtime.openmp import limit_openmp_spinning
from handpick.runtime.telemetry import disable_telemetry

# Before any submodule is imported: libraries read these variables while they are loaded.
disable_telemetry()
limit_openmp_spinning()
