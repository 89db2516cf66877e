with item_pairs as (

    select * from {{ ref('stg_clean__item_pairs') }}
    where logical_date <= {{ tonight() }}

),

summed as (

    select
        item_id,
        other_item_id,
        cast(sum(co_view_count) as bigint) as co_view_count,
        cast(sum(co_purchase_count) as bigint) as co_purchase_count

    from item_pairs
    group by item_id, other_item_id

)

select * from summed
