"""What later stages may import from `train`: writing to MLflow what the gate has decided."""

from handpick.stages.train.tracking import log_decision

__all__ = ["log_decision"]
