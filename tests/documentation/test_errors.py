"""Every error that a person can cause is found on the page of errors, with what to do."""

from __future__ import annotations

from scripts.list_errors import PAGE, fill_page, find_messages


def test_the_page_has_every_message_that_the_code_can_give() -> None:
    messages = find_messages()
    assert sum(len(texts) for texts in messages.values()) > 150
    page = PAGE.read_text(encoding="utf-8")
    assert fill_page(page, messages) == page, "run .venv/bin/python scripts/list_errors.py"


def test_messages_of_functions_and_of_branches_are_found() -> None:
    texts = find_messages()
    assert any("is damaged" in text for text in texts["handpick/dataset/encoder_registry.py"])
    assert any(
        "no list version has been published" in text for text in texts["handpick/serving/read_lists.py"]
    )
