-- Two phones are viewed together as often one way round as the other.
select pairs.*
from {{ ref('mart_item_pairs') }} as pairs
left join {{ ref('mart_item_pairs') }} as reversed
    on pairs.item_id = reversed.other_item_id
    and pairs.other_item_id = reversed.item_id
where
    reversed.item_id is null
    or pairs.co_view_count <> reversed.co_view_count
    or pairs.co_purchase_count <> reversed.co_purchase_count
