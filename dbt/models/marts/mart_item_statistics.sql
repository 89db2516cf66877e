with items as (

    select * from {{ ref('stg_clean__items') }}
    where logical_date = {{ tonight() }}

),

counted as (

    select * from {{ ref('int_item_days_windowed') }}

),

earlier_prices as (

    select * from {{ ref('int_item_prices_compared') }}

),

statistics as (

    select

        ---------- ids
        items.item_id,

        ---------- numerics
        {%- for event in ['impression', 'view', 'cart', 'purchase', 'return'] %}
        {%- for name in windows() %}
        coalesce(counted.{{ event }}_count_{{ name }}, 0) as {{ event }}_count_{{ name }},
        {%- endfor %}
        {%- endfor %}
        {{ mean('counted.rating_sum_all', 'counted.rating_count_all') }} as rating_mean,
        {{ mean('counted.view_count_30d', 'counted.impression_count_30d') }} as view_rate_30d,
        {{ mean('(items.price - earlier_prices.price)', 'earlier_prices.price') }} as price_change_30d,
        greatest(
            {{ days_between('coalesce(items.release_date, items.first_seen_date)', tonight()) }} + 1, 0
        ) as days_on_sale,

        ---------- dates
        {{ tonight() }} as as_of_date

    from items
    left join counted on items.item_id = counted.item_id
    left join earlier_prices on items.item_id = earlier_prices.item_id

)

select * from statistics
