with changes as (

    select * from {{ ref('stg_clean__item_price_history') }}
    where logical_date <= {{ tonight() }}

),

-- Two nights may state an offer for the same time; the later night wins.
deduplicated as (

    select
        *,
        row_number() over (
            partition by item_id, valid_from
            order by logical_date desc
        ) as place

    from changes

),

dated as (

    select
        item_id,
        price,
        is_in_stock,
        valid_from,
        lead(valid_from) over (
            partition by item_id
            order by valid_from
        ) as valid_to,
        row_number() over (
            partition by item_id
            order by valid_from
        ) = 1 as is_first,
        row_number() over (
            partition by item_id
            order by valid_from desc
        ) = 1 as is_current

    from deduplicated
    where place = 1

)

select * from dated
