"""Handpick: nightly batch recommendations for phone retailers."""

from handpick.runtime.openmp import share_the_machine
from handpick.runtime.telemetry import switch_off_usage_statistics

# Before any submodule is imported: libraries read these variables while they are loaded.
switch_off_usage_statistics()
share_the_machine()
