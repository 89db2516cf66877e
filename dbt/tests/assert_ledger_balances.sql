-- Rows in = rows out + rows dropped, and the reasons add up to what was dropped.
select
    night_date,
    stage,
    source_name

from {{ ref('mart_ledger') }}
group by night_date, stage, source_name
having
    max(rows_in) <> max(rows_out) + max(rows_dropped)
    or sum(reason_rows) <> max(rows_dropped)
