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

people as (

    select

        ---------- ids
        event_id,
        user_id,
        item_id,
        session_id,

        ---------- text
        event_type,
        list_version,

        ---------- numerics
        value,
        position,
        weight,

        ---------- dates
        occurred_at,
        logical_date

    from interactions
    where not is_bot

)

select * from people
