with users as (

    select * from {{ ref('stg_clean__users') }}
    where logical_date = {{ tonight() }}

),

items as (

    select * from {{ ref('stg_clean__items') }}
    where logical_date = {{ tonight() }}

),

user_days as (

    select * from {{ ref('int_user_days_summed') }}

),

brands as (

    select * from {{ ref('int_user_brands_dated') }}
    where
        logical_date >= {{ window_start(tonight(), 30) }}
        and logical_date <= {{ tonight() }}
        and event_date >= {{ window_start(tonight(), 30) }}

),

counted as (

    select
        user_id,
        {{- windowed_counts(['view', 'cart', 'purchase', 'query'], tonight()) }}
        {{ total('viewed_price_count', 30, tonight()) }} as viewed_price_count_30d,
        sum(
            case when event_date >= {{ window_start(tonight(), 30) }} then viewed_price_sum end
        ) as viewed_price_sum_30d,
        max(event_date) as last_active_date

    from user_days
    group by user_id

),

brands_counted as (

    select
        user_id,
        count(distinct brand_key) as distinct_brand_count_30d

    from brands
    group by user_id

),

activity as (

    select

        ---------- ids
        users.user_id,

        ---------- numerics
        {%- for event in ['view', 'cart', 'purchase', 'query'] %}
        {%- for name in windows() %}
        coalesce(counted.{{ event }}_count_{{ name }}, 0) as {{ event }}_count_{{ name }},
        {%- endfor %}
        {%- endfor %}
        {{ mean('counted.viewed_price_sum_30d', 'counted.viewed_price_count_30d') }} as mean_viewed_price_30d,
        coalesce(brands_counted.distinct_brand_count_30d, 0) as distinct_brand_count_30d,
        {{ days_between('counted.last_active_date', tonight()) }} as days_since_last_event,
        items.price as owned_price,

        ---------- dates
        {{ tonight() }} as as_of_date

    from users
    left join counted on users.user_id = counted.user_id
    left join brands_counted on users.user_id = brands_counted.user_id
    left join items on users.owned_item_id = items.item_id

)

select * from activity
