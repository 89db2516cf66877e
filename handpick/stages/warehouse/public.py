"""What other packages may import from `warehouse`: how damage of its file is found and removed."""

from handpick.stages.warehouse.damaged_file import find_warehouse_damage, remove_warehouse

__all__ = ["find_warehouse_damage", "remove_warehouse"]
