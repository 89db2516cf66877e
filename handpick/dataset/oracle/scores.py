"""The best possible ranking: the demo shop's own expected rate of positive interactions.

`rate(u, i, day) = sessions(u) · on_sale(i, day) · E[opens of i in one session of u on that day]`, where the
expectation (`expected_opens`) covers exposure in slates, position bias, clicks and search. No
model can do better than to rank by it, except by luck. Only evaluation may read the truth.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from pathlib import Path

import numpy as np

from handpick.dataset.oracle.expected_opens import compute_expected_opens, split_sessions
from handpick.dataset.oracle.truth_files import compute_prices_and_stock, read_truth
from handpick.dataset.oracle.utility import BLOCKS, build_phone_factors, build_user_factors
from handpick.errors import InputError
from models.dataset import FloatArray


def compute_expected_rates(
    truth_dir: Path,
    user_ids: Sequence[str],
    item_ids: Sequence[str],
    day: date,
    without: Collection[str] = (),
) -> FloatArray:
    """Return expected positive interactions per day of each user with each phone, `(users, items) float32`.

    Args:
        truth_dir: The demo shop's truth folder.
        user_ids: Rows of the result; ids that the shop does not know score 0.
        item_ids: Columns of the result; ids that the shop does not know score 0.
        day: Prices, stock, launches and fashion are those at the end of this date; phones that are not on
            sale then, and phones that a user came with, score 0.
        without: Blocks of `utility.BLOCKS` that are left out, to see what knowing them is worth.

    Raises:
        InputError: If there is no truth, the date lies outside the shop's days, or a block is unknown.
        OutdatedTruth: If an earlier release made the shop.
    """
    unknown = set(without) - set(BLOCKS)
    if unknown:
        raise InputError(f"unknown blocks {sorted(unknown)}: there are {', '.join(BLOCKS)}.")
    truth = read_truth(truth_dir)
    number = (day - truth.first_date).days
    if not 0 <= number < truth.days:
        raise InputError(
            f"the demo shop in {truth_dir} covers {truth.days} days from {truth.first_date}, not {day}."
        )
    phone_count = len(truth.item_ids)
    euros, stock = compute_prices_and_stock(truth.changes, number, phone_count)
    factors = build_phone_factors(truth.phones, np.log(euros), number, truth.fashion_phases)
    phone_row = {item: row for row, item in enumerate(truth.item_ids)}
    user_row = {user: row for row, user in enumerate(truth.user_ids)}
    phones = np.array([phone_row.get(str(item), -1) for item in item_ids], np.int64)
    users = np.array([user_row.get(str(user), -1) for user in user_ids], np.int64)
    on_sale = np.flatnonzero(stock)
    # Position among the phones on sale, -1 where not on sale; the last entry serves unknown ids (-1).
    column_of = np.full(phone_count + 1, -1)
    column_of[on_sale] = np.arange(len(on_sale))
    columns = column_of[phones]
    # Unknown users (-1) compute with the last user's row and are set to 0 below.
    sides, constant = build_user_factors(truth.users, truth.scales, users, without)
    scores = np.zeros((len(users), len(phones)), np.float32)
    for part in split_sessions(len(users), len(on_sale)):
        opens = compute_expected_opens(sides[part], constant[part], factors[on_sale])
        opens *= truth.users.rate[users[part], None].astype(np.float32)
        scores[part] = np.where(columns >= 0, opens[:, columns], 0.0)
    scores[users < 0] = 0.0
    # Nobody is recommended the phone that they came with.
    owned = np.where(users >= 0, truth.users.owned[users], -1)
    scores[(owned[:, None] == phones[None, :]) & (owned >= 0)[:, None]] = 0.0
    return scores
