"""Public interface of the validate stage: rates of broken rules, and limits learned from earlier nights."""

from handpick.stages.validate.learned_limits import MIN_NIGHTS, learn_range, learn_upper_limit
from handpick.stages.validate.rule_trends import compute_rule_rates

__all__ = ["MIN_NIGHTS", "compute_rule_rates", "learn_range", "learn_upper_limit"]
