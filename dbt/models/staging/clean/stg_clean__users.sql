with source as (

    select * from {{ source('clean', 'users') }}

),

renamed as (

    select

        ---------- ids
        user_id,
        owned_item_id,

        ---------- text
        country,
        locale,

        ---------- booleans
        is_consented,

        ---------- dates
        signed_up_at,
        first_seen_date,
        cast(logical_date as date) as logical_date

    from source

)

select * from renamed
