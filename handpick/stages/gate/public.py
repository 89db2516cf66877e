"""What other stages and the DAGs may import from `gate`: the decision of a night."""

from handpick.stages.gate.decision_record import Decision, read_decision
from handpick.stages.gate.experiments import read_followed_variants

__all__ = ["Decision", "read_decision", "read_followed_variants"]
