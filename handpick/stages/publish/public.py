"""What other packages may import from `publish`: comparing what is served with the lists, erasing a user."""

from handpick.stages.publish.erase_served import erase_served_user
from handpick.stages.publish.exports import rewrite_export
from handpick.stages.publish.served_rows import (
    ServedVersion,
    compare_served_versions,
    disown_versions,
    drop_disowned_versions,
)

__all__ = [
    "ServedVersion",
    "compare_served_versions",
    "disown_versions",
    "drop_disowned_versions",
    "erase_served_user",
    "rewrite_export",
]
