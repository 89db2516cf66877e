-- What a night adds to a pair of phones it adds in both directions, so that the sums are symmetric, too.
with pairs as (

    select * from {{ ref('stg_clean__item_pairs') }}
    where logical_date = {{ tonight() }}

)

select pairs.*
from pairs
left join pairs as reversed
    on pairs.item_id = reversed.other_item_id
    and pairs.other_item_id = reversed.item_id
where
    reversed.item_id is null
    or pairs.co_view_count <> reversed.co_view_count
    or pairs.co_purchase_count <> reversed.co_purchase_count
