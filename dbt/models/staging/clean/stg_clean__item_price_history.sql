with source as (

    select * from {{ source('clean', 'item_price_history') }}

),

renamed as (

    select

        ---------- ids
        item_id,

        ---------- numerics
        price,

        ---------- booleans
        is_in_stock,

        ---------- dates
        valid_from,
        cast(logical_date as date) as logical_date

    from source

)

select * from renamed
