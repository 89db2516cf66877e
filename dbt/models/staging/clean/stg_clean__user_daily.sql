with source as (

    select * from {{ source('clean', 'user_daily') }}

),

renamed as (

    select

        ---------- ids
        user_id,

        ---------- numerics
        impression_count,
        view_count,
        cart_count,
        purchase_count,
        return_count,
        rating_count,
        viewed_price_sum,
        viewed_price_count,
        session_count,

        ---------- dates
        event_date,
        cast(logical_date as date) as logical_date

    from source

)

select * from renamed
