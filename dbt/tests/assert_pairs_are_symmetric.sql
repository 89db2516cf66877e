-- Whatever a night adds to two phones one way round it adds the other way round; so their sums are alike, too.
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
