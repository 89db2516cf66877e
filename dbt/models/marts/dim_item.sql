with items as (

    select * from {{ ref('stg_clean__items') }}
    where logical_date = {{ tonight() }}

)

select * from items
