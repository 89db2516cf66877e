with prices as (

    select * from {{ ref('int_item_prices_dated') }}

),

latest as (

    select
        item_id,
        price,
        is_in_stock,
        valid_from

    from prices
    where is_current

)

select * from latest
