with item_daily as (

    select * from {{ ref('stg_clean__item_daily') }}
    where
        logical_date <= {{ tonight() }}
        and event_date <= {{ tonight() }}

),

windowed as (

    select
        item_id,
        {{- windowed_counts(['impression', 'view', 'cart', 'purchase', 'return'], tonight()) }}
        {{ total('rating_count', none, tonight()) }} as rating_count_all,
        {{ money('sum(rating_sum)') }} as rating_sum_all

    from item_daily
    group by item_id

)

select * from windowed
