"""Public interface of the validate stage: the rates of broken rules, for the report."""

from handpick.stages.validate.rule_trends import compute_rule_rates

__all__ = ["compute_rule_rates"]
