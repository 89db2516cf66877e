with source as (

    select * from {{ source('ledger', 'flows') }}

),

renamed as (

    select

        ---------- text
        stage,
        source as source_name,
        reason,

        ---------- numerics
        rows_in,
        rows_out,
        rows_dropped,
        reason_rows,

        ---------- dates
        cast(logical_date as date) as logical_date

    from source

)

select * from renamed
