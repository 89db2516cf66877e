"""The Data Docs: landed text is only text in them, and they need no script and no network."""

from __future__ import annotations

import re
from collections.abc import Callable

import pyarrow as pa

from handpick.contracts import CONTRACTS
from handpick.ledger.flows import Flow
from handpick.night import Night
from handpick.stages.validate.data_docs import DataDocs
from tests.hostile import HOSTILE, find_active_content
from tests.stages.validate.conftest import DAY


def test_hostile_text_in_any_column_is_only_text_in_the_data_docs(night: Callable[..., Night]) -> None:
    tonight = night()
    # Parquet holds no lone surrogates; landing replaces them.
    texts = [text.encode(errors="replace").decode() for text in HOSTILE]
    texts = [HOSTILE[0]] * 9 + texts  # the most frequent of the first values are shown
    for contract in CONTRACTS.values():
        rows = {name: pa.array(texts, pa.string()) for name in contract.column_names}
        tonight.lake.write(f"raw/{contract.source}", DAY, pa.table(rows))
    docs = DataDocs(tonight).check_samples()
    flows = [Flow(source, 10, 9, {"event_type not allowed": 1}) for source in CONTRACTS]
    page, failed = docs.finish(flows)
    html = page.read_text(encoding="utf-8")
    assert find_active_content(html) == []
    assert "&lt;script&gt;alert(" in html, "the value is shown"
    assert not re.search(r"(src|href)=.?(http|//)", html), "nothing is loaded"
    assert any("event_type" in each for each in failed)
    assert [path.name for path in page.parent.glob("*.*ml")] == ["index.html"]
