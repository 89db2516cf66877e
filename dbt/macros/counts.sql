{#- `<event>_count_<window>` for each event and window, as of the end of a day; ends with a comma. -#}
{% macro windowed_counts(events, as_of, event_date="event_date") -%}
    {%- for event in events %}
        {%- for name, days in windows().items() %}
        {{ total(event ~ "_count", days, as_of, event_date) }} as {{ event }}_count_{{ name }},
        {%- endfor %}
    {%- endfor %}
{%- endmacro %}

{#- The sum of a count over a window that ends with a given day; 0 where there are no rows. -#}
{% macro total(column, days, as_of, event_date="event_date") -%}
    {%- if days is none -%}
        cast(coalesce(sum({{ column }}), 0) as bigint)
    {%- else -%}
        cast(coalesce(sum(case when {{ event_date }} >= {{ window_start(as_of, days) }} then {{ column }} end), 0) as bigint)
    {%- endif -%}
{%- endmacro %}

{#- Money is summed in decimals: sums of doubles depend on the order of the rows, which differs from run to run. -#}
{% macro money(column) -%}
    cast({{ column }} as decimal(18, 2))
{%- endmacro %}

{#- A sum over the days of a window that ends with the row's day; needs a CTE `user_days` with `user_id` and `day_number`. -#}
{% macro running_sum(column, days) -%}
    sum({{ column }}) over (
            partition by user_days.user_id
            order by user_days.day_number
            range between {{ "unbounded" if days is none else days - 1 }} preceding and current row
        )
{%- endmacro %}

{#- A sum divided by a count, as a double; null where the count is 0. -#}
{% macro mean(sum, count) -%}
    case when {{ count }} > 0 then cast({{ sum }} as double) / cast({{ count }} as double) end
{%- endmacro %}
