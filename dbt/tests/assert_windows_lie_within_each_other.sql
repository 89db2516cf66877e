-- A count over 7 days is at most that over 30 days, which is at most that over all time.
{% set counted = {
    "mart_user_activity": ["view", "cart", "purchase", "query"],
    "mart_user_activity_history": ["view", "cart", "purchase", "query"],
    "mart_item_statistics": ["impression", "view", "cart", "purchase", "return"],
} %}

{% for model, events in counted.items() %}
select '{{ model }}' as model
from {{ ref(model) }}
where
    {% for event in events -%}
    {{ event }}_count_7d > {{ event }}_count_30d
    or {{ event }}_count_30d > {{ event }}_count_all
    {{ "or" if not loop.last }}
    {% endfor %}
{{ "union all" if not loop.last }}
{% endfor %}
