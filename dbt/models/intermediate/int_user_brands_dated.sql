{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        partition_by='logical_date' if target.type == 'spark' else none,
        pre_hook='{{ delete_nights_from_tonight() }}'
    )
}}

with interactions as (

    select * from {{ ref('stg_clean__interactions') }}
    where {{ new_nights() }}

),

items as (

    select * from {{ ref('stg_clean__items') }}
    where {{ new_nights() }}

),

brands as (

    select distinct
        interactions.user_id,
        items.brand_key,
        interactions.event_date,
        interactions.logical_date

    from interactions
    inner join items
        on interactions.item_id = items.item_id
        and interactions.logical_date = items.logical_date
    where
        not interactions.is_bot
        and interactions.event_type in ('view', 'cart', 'purchase')
        and items.brand_key is not null

)

select * from brands
