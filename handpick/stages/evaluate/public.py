"""What other stages may import from `evaluate`: the blend of a night that was evaluated."""

from handpick.stages.evaluate.blend_storage import load_blend

__all__ = ["load_blend"]
