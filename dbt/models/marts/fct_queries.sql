{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        partition_by='logical_date' if target.type == 'spark' else none,
        pre_hook='{{ delete_nights_from_tonight() }}'
    )
}}

with queries as (

    select * from {{ ref('stg_clean__queries') }}
    where {{ new_nights() }}

),

asked as (

    select

        ---------- ids
        query_id,
        user_id,

        ---------- text
        text,
        image_path,
        audio_path,

        ---------- dates
        occurred_at,
        logical_date

    from queries

)

select * from asked
