{{ config(materialized='table') }}

-- A brand counts for the 30 days that begin with a day of interest, or until the next such day. The number of brands in
-- the window is therefore a running sum of +1 and -1, at a cost that is linear in the days; counting distinct brands in
-- a sliding window would need a self-join.
with brands as (

    select distinct user_id, brand_key, event_date
    from {{ ref('int_user_brands_dated') }}
    where logical_date <= {{ tonight() }}

),

spans as (

    select
        user_id,
        event_date as from_date,
        {{ add_days('event_date', 30) }} as expiry_date,
        lead(event_date) over (
            partition by user_id, brand_key
            order by event_date
        ) as next_date

    from brands

),

changes as (

    select
        user_id,
        from_date as change_date,
        1 as change

    from spans

    union all

    select
        user_id,
        case when next_date < expiry_date then next_date else expiry_date end as change_date,
        -1 as change

    from spans

),

daily as (

    select
        user_id,
        change_date,
        sum(change) as change

    from changes
    group by user_id, change_date

),

running as (

    select
        user_id,
        change_date as from_date,
        cast(sum(change) over (
            partition by user_id
            order by change_date
            rows between unbounded preceding and current row
        ) as bigint) as distinct_brand_count_30d,
        lead(change_date) over (
            partition by user_id
            order by change_date
        ) as to_date

    from daily

)

select * from running
