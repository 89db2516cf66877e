with source as (

    select * from {{ source('clean', 'queries') }}

),

renamed as (

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
        cast(occurred_at as date) as event_date,
        cast(logical_date as date) as logical_date

    from source

)

select * from renamed
