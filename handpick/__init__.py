"""Handpick: nightly batch recommendations for phone retailers."""

from handpick.quiet import switch_off_usage_statistics

switch_off_usage_statistics()
