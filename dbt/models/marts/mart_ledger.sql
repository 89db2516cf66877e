-- A view over the lake: it shows what a night's later stages did as soon as the ledger is kept again.
{{ config(materialized='view') }}

with flows as (

    select * from {{ ref('stg_ledger__flows') }}

),

ledger as (

    select

        ---------- text
        stage,
        source_name,
        reason,

        ---------- numerics
        rows_in,
        rows_out,
        rows_dropped,
        reason_rows,

        ---------- dates
        logical_date as night_date

    from flows

)

select * from ledger
