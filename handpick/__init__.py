"""Handpick: nightly batch recommendations for phone retailers."""

from handpick.quiet import switch_off_usage_statistics
from handpick.threads import share_the_machine

switch_off_usage_statistics()
share_the_machine()
