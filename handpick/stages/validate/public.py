"""The part of the validate stage that other stages may use: the trends of quarantined rows, for the report."""

from handpick.stages.validate.trends import rule_rates

__all__ = ["rule_rates"]
