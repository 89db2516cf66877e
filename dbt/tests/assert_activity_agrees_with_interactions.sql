-- The views of all users, the views of all phones, and the view events are equally many.
with facts as (

    select count(*) as view_count
    from {{ ref('fct_interactions') }}
    where
        event_type = 'view'
        and logical_date <= {{ tonight() }}
        and cast(occurred_at as date) <= {{ tonight() }}

),

users as (

    select sum(view_count_all) as view_count from {{ ref('mart_user_activity') }}

),

items as (

    select sum(view_count_all) as view_count from {{ ref('mart_item_statistics') }}

)

select
    facts.view_count as happened_count,
    users.view_count as user_count,
    items.view_count as item_count

from facts
cross join users
cross join items
where facts.view_count <> users.view_count or facts.view_count <> items.view_count
