"""Named groups of a regular expression that is matched against a whole column."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc


def match_groups(column: pa.ChunkedArray, pattern: str) -> pa.StructArray:
    """Return `(rows,)` the named groups of each text; null for texts that the pattern does not match."""
    groups = pc.extract_regex(column, pattern=pattern)
    return groups.combine_chunks() if isinstance(groups, pa.ChunkedArray) else groups


def get_group(groups: pa.StructArray, name: str) -> pa.Array:
    """Return `(rows,)` texts of one group; null where the pattern did not match."""
    # The fields of a struct keep values below its nulls.
    return pc.if_else(pc.is_valid(groups), pc.struct_field(groups, name), pa.scalar(None, pa.string()))
