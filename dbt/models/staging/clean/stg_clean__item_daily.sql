with source as (

    select * from {{ source('clean', 'item_daily') }}

),

renamed as (

    select

        ---------- ids
        item_id,

        ---------- numerics
        impression_count,
        view_count,
        cart_count,
        purchase_count,
        return_count,
        rating_count,
        rating_sum,

        ---------- dates
        event_date,
        cast(logical_date as date) as logical_date

    from source

)

select * from renamed
