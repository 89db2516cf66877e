with source as (

    select * from {{ source('clean', 'item_pairs') }}

),

renamed as (

    select

        ---------- ids
        item_id,
        other_item_id,

        ---------- numerics
        co_view_count,
        co_purchase_count,

        ---------- dates
        cast(logical_date as date) as logical_date

    from source

)

select * from renamed
