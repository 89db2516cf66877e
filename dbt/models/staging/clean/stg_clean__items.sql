with source as (

    select * from {{ source('clean', 'items') }}

),

renamed as (

    select

        ---------- ids
        item_id,
        variant_group_id,

        ---------- text
        title,
        brand,
        brand_key,
        model_line,
        description,
        currency_stated,
        image_path,
        os,
        chipset,
        network,
        display_type,
        sim,
        build,
        color_tags,
        spec_tags,
        specs_raw,
        content_hash,

        ---------- numerics
        generation,
        price,
        display_inches,
        battery_mah,
        weight_g,
        main_camera_mp,
        selfie_camera_mp,
        ram_gb,
        storage_gb,
        thickness_mm,
        refresh_hz,
        charging_w,
        ppi,

        ---------- booleans
        is_in_stock,

        ---------- dates
        release_date,
        first_seen_date,
        updated_at,
        cast(logical_date as date) as logical_date

    from source

)

select * from renamed
