-- A view over the lake: it also shows the stages that ran after this build, whose ledger lines are written later.
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
