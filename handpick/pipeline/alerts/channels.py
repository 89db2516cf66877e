"""Channels: a name in the settings, an address that is a secret, and the library that delivers to it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from handpick.errors import ConfigurationError, HandpickError
from handpick.errors.safe_text import make_showable, register_secret
from handpick.pipeline.alerts.messages import Message

VARIABLE_PREFIX = "HANDPICK_ALERT_"
CONNECTION_PREFIX = "handpick_alert_"
"""Prefix of Airflow connections whose password is a channel's address."""
MIN_TOKEN_LENGTH = 8

FindAddress = Callable[[str], str | None]
"""Returns a channel's address, or None where it has none."""


class AlertNotDelivered(HandpickError):
    """An alert did not reach a channel; it is sent again with the next one."""


def find_address_in_environment(channel: str) -> str | None:
    """Return a channel's address from its environment variable."""
    return os.environ.get(f"{VARIABLE_PREFIX}{channel.upper()}") or None


def require_address(channel: str, find_address: FindAddress) -> str:
    """Return a channel's address, and keep it and its parts out of all messages.

    Raises:
        ConfigurationError: If it has none; says where it belongs.
    """
    address = find_address(channel)
    if address is None:
        raise ConfigurationError(
            f"the alert channel {channel} has no address, so nobody was told. Set "
            f"{VARIABLE_PREFIX}{channel.upper()} to an apprise URL, such as "
            "mailtos://user:password@host?to=… or slack://…, or make Airflow's connection "
            f"{CONNECTION_PREFIX}{channel} with it as its password "
            "(docs/alerts.md)."
        )
    register_secret(address)
    # Tokens of webhooks stand in their paths.
    for part in re.split(r"[/?&=@:]", address.partition("://")[2]):
        if len(part) >= MIN_TOKEN_LENGTH and re.search(r"\d", part) and not re.fullmatch(r"[\d.]+", part):
            register_secret(part)
    return address


def deliver(channel: str, address: str, message: Message) -> None:
    """Deliver a message to a channel's address, or to several addresses that spaces separate.

    Raises:
        AlertNotDelivered: If one of them was not reached; says why, without the address.
    """
    import logging

    import apprise  # here, as it takes half a second

    # Its icons would be loaded from the internet by whoever reads the message.
    asset = apprise.AppriseAsset(app_id="Handpick", app_desc="Handpick", app_url="", image_url_mask="")
    for one in address.split():
        sender = apprise.Apprise(asset=asset)
        kind = make_showable(one.partition("://")[0])[:20]
        with apprise.LogCapture(level=logging.WARNING) as log:  # type: ignore[no-untyped-call]
            is_sent = sender.add(one) and sender.notify(
                title=message.title, body=message.body, body_format=apprise.NotifyFormat.TEXT
            )
            told = " ".join(log.getvalue().split())
        if not is_sent:
            reason = re.sub(r"\d{4}-\d\d-\d\d [\d:,]+ - \w+ - ", "", told) or "no reason is known"
            raise AlertNotDelivered(
                f"the alert was not delivered to the channel {channel} ({kind}): {reason}. It is sent again "
                "with the next one; mend the address, then try `handpick alert --test`."
            )
