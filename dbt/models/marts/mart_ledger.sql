with flows as (

    select * from {{ ref('stg_ledger__flows') }}
    where logical_date <= {{ tonight() }}

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
