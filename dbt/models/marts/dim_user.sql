with users as (

    select * from {{ ref('stg_clean__users') }}
    where logical_date = {{ tonight() }}

),

user_days as (

    select * from {{ ref('int_user_days_summed') }}

),

activity as (

    select
        user_id,
        cast(sum(view_count + cart_count + purchase_count + return_count + rating_count) as bigint) as event_count,
        cast(sum(query_count) as bigint) as query_count,
        max(event_date) as last_active_date

    from user_days
    group by user_id

),

described as (

    select

        ---------- ids
        users.user_id,
        users.owned_item_id,

        ---------- text
        users.country,
        users.locale,

        ---------- numerics
        coalesce(activity.event_count, 0) as event_count,
        coalesce(activity.query_count, 0) as query_count,

        ---------- booleans
        users.is_consented,
        coalesce(activity.event_count, 0) = 0 as is_cold,
        coalesce(activity.event_count, 0) = 0 and coalesce(activity.query_count, 0) > 0 as is_query_only,

        ---------- dates
        users.signed_up_at,
        users.first_seen_date,
        activity.last_active_date,
        users.logical_date

    from users
    left join activity on users.user_id = activity.user_id

)

select * from described
