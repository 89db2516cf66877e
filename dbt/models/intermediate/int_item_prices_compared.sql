with prices as (

    select * from {{ ref('int_item_prices_dated') }}

),

boundary as (

    select {{ midnight(add_days(tonight(), -29)) }} as window_started_at

),

-- The price at the start of the window, or the first price of a phone that appeared later.
earlier as (

    select
        prices.item_id,
        prices.price

    from prices
    cross join boundary
    where
        (prices.valid_from <= boundary.window_started_at or prices.is_first)
        and (prices.valid_to is null or prices.valid_to > boundary.window_started_at)

)

select * from earlier
