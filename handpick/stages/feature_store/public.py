"""What other packages may import from `feature_store`: how damage of Feast's files is found."""

from handpick.stages.feature_store.damaged_files import find_damaged_files

__all__ = ["find_damaged_files"]
