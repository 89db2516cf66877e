"""What other packages may import from `warehouse`: damage of its file, erasing a user, dbt's folders."""

from handpick.stages.warehouse.damaged_file import find_warehouse_damage, remove_warehouse
from handpick.stages.warehouse.erase_rows import erase_warehouse_user
from handpick.stages.warehouse.project import find_target_folder

__all__ = ["erase_warehouse_user", "find_target_folder", "find_warehouse_damage", "remove_warehouse"]
