with users as (

    select * from {{ ref('stg_clean__users') }}
    where logical_date = {{ tonight() }}

),

prices as (

    select * from {{ ref('int_item_prices_dated') }}

),

user_days as (

    select * from {{ ref('int_user_days_summed') }}

),

brands as (

    select * from {{ ref('int_user_brands_windowed') }}

),

-- A late event changes its own day and, through the sums, every active day after it.
changed as (

    select
        user_id,
        min(event_date) as first_changed_date

    from user_days
    where changed_date = {{ tonight() }}
    group by user_id

),

running as (

    select
        user_days.user_id,
        user_days.event_date,
        changed.first_changed_date,
        {%- for event in ['view', 'cart', 'purchase', 'query'] %}
        {%- for name, days in windows().items() %}
        cast({{ running_sum('user_days.' ~ event ~ '_count', days) }} as bigint) as {{ event }}_count_{{ name }},
        {%- endfor %}
        {%- endfor %}
        {{ running_sum('user_days.viewed_price_sum', 30) }} as viewed_price_sum_30d,
        cast({{ running_sum('user_days.viewed_price_count', 30) }} as bigint) as viewed_price_count_30d

    from user_days
    inner join changed on user_days.user_id = changed.user_id

),

history as (

    select

        ---------- ids
        running.user_id,

        ---------- numerics
        {%- for event in ['view', 'cart', 'purchase', 'query'] %}
        {%- for name in windows() %}
        running.{{ event }}_count_{{ name }},
        {%- endfor %}
        {%- endfor %}
        {{ mean('running.viewed_price_sum_30d', 'running.viewed_price_count_30d') }} as mean_viewed_price_30d,
        coalesce(brands.distinct_brand_count_30d, 0) as distinct_brand_count_30d,
        cast(0 as bigint) as days_since_last_event,
        prices.price as owned_price,

        ---------- dates
        {{ midnight(add_days('running.event_date', 1)) }} as event_timestamp,
        running.event_date as as_of_date

    from running
    left join users on running.user_id = users.user_id
    left join brands
        on running.user_id = brands.user_id
        and running.event_date >= brands.from_date
        and (brands.to_date is null or running.event_date < brands.to_date)
    left join prices
        on users.owned_item_id = prices.item_id
        and (prices.is_first or prices.valid_from < {{ midnight(add_days('running.event_date', 1)) }})
        and (prices.valid_to is null or prices.valid_to >= {{ midnight(add_days('running.event_date', 1)) }})
    where running.event_date >= running.first_changed_date

)

select * from history
