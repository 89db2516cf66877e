"""The part of the validate stage that other stages may use: the trends of quarantined rows, for the report."""

from handpick.stages.validate.trends import compute_rule_rates

__all__ = ["compute_rule_rates"]
