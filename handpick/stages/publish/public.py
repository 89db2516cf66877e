"""What other packages may import from `publish`: the comparison of what is served with the lists."""

from handpick.stages.publish.served_rows import (
    ServedVersion,
    compare_served_versions,
    disown_versions,
    drop_disowned_versions,
)

__all__ = ["ServedVersion", "compare_served_versions", "disown_versions", "drop_disowned_versions"]
