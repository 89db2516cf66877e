"""Specs of phones from whatever a shop has: a sheet with keys in many languages, a description, a title."""

from handpick.stages.transform.specs.reader import CATEGORICAL_SPECS, NUMERIC_SPECS, load_sheet, read_specs

__all__ = ["CATEGORICAL_SPECS", "NUMERIC_SPECS", "load_sheet", "read_specs"]
