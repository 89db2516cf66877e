with source as (

    select * from {{ source('clean', 'interactions') }}

),

renamed as (

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

        ---------- booleans
        is_bot,

        ---------- dates
        occurred_at,
        cast(occurred_at as date) as event_date,
        cast(logical_date as date) as logical_date

    from source

)

select * from renamed
