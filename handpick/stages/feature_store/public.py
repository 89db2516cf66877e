"""What other packages may import from `feature_store`: damage of Feast's files, erasing a user online."""

from handpick.stages.feature_store.damaged_files import find_damaged_files
from handpick.stages.feature_store.erase_online import erase_online_user

__all__ = ["erase_online_user", "find_damaged_files"]
