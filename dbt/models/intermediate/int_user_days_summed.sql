{{ config(materialized='table') }}

with user_daily as (

    select * from {{ ref('stg_clean__user_daily') }}
    where logical_date <= {{ tonight() }}

),

queries as (

    select * from {{ ref('stg_clean__queries') }}
    where logical_date <= {{ tonight() }}

),

query_days as (

    select
        user_id,
        event_date,
        logical_date,
        count(*) as query_count

    from queries
    group by user_id, event_date, logical_date

),

added as (

    select
        user_id,
        event_date,
        logical_date,
        view_count,
        cart_count,
        purchase_count,
        return_count,
        rating_count,
        0 as query_count,
        {{ money('viewed_price_sum') }} as viewed_price_sum,
        viewed_price_count

    from user_daily
    where view_count + cart_count + purchase_count + return_count + rating_count > 0

    union all

    select
        user_id,
        event_date,
        logical_date,
        0 as view_count,
        0 as cart_count,
        0 as purchase_count,
        0 as return_count,
        0 as rating_count,
        query_count,
        {{ money('0') }} as viewed_price_sum,
        0 as viewed_price_count

    from query_days

),

summed as (

    select
        user_id,
        event_date,
        {{ days_between("cast('1970-01-01' as date)", 'event_date') }} as day_number,
        cast(sum(view_count) as bigint) as view_count,
        cast(sum(cart_count) as bigint) as cart_count,
        cast(sum(purchase_count) as bigint) as purchase_count,
        cast(sum(return_count) as bigint) as return_count,
        cast(sum(rating_count) as bigint) as rating_count,
        cast(sum(query_count) as bigint) as query_count,
        {{ money('sum(viewed_price_sum)') }} as viewed_price_sum,
        cast(sum(viewed_price_count) as bigint) as viewed_price_count,
        max(logical_date) as changed_date

    from added
    group by user_id, event_date

)

select * from summed
