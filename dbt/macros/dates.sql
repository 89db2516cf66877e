{#- The night that is being built, as SQL. It is looked up when SQL runs, not when the project is parsed: a new night
    must not make dbt parse everything anew. -#}
{% macro tonight() -%}
    {%- if execute -%}
        cast('{{ night() }}' as date)
    {%- else -%}
        cast('2000-01-01' as date)
    {%- endif -%}
{%- endmacro %}

{#- The same in ISO form, for places where SQL takes only a literal. -#}
{% macro night() -%}
    {{- var("logical_date", none) or env_var("HANDPICK_LOGICAL_DATE") -}}
{%- endmacro %}

{#- The first day of a window of whole days that ends with the given day. -#}
{% macro window_start(day, days) -%}
    {{ add_days(day, 1 - days) }}
{%- endmacro %}

{% macro add_days(day, days) -%}
    {{ return(adapter.dispatch("add_days", "handpick")(day, days)) }}
{%- endmacro %}

{% macro default__add_days(day, days) -%}
    cast({{ day }} + ({{ days }}) as date)
{%- endmacro %}

{% macro spark__add_days(day, days) -%}
    date_add({{ day }}, {{ days }})
{%- endmacro %}

{#- Whole days from one date to another. -#}
{% macro days_between(first_date, last_date) -%}
    cast({{ dbt.datediff(first_date, last_date, "day") }} as bigint)
{%- endmacro %}

{#- Midnight UTC at the beginning of a date, as a moment; both targets run in UTC. -#}
{% macro midnight(day) -%}
    cast({{ day }} as {{ type_moment() }})
{%- endmacro %}

{% macro type_moment() -%}
    {{ return(adapter.dispatch("type_moment", "handpick")()) }}
{%- endmacro %}

{% macro default__type_moment() -%}
    timestamp with time zone
{%- endmacro %}

{% macro spark__type_moment() -%}
    timestamp
{%- endmacro %}

{#- Lets `where: logical_date = __tonight__` mean the night that is being built. -#}
{% macro get_where_subquery(relation) -%}
    {%- set where = config.get("where", "") -%}
    {%- if where -%}
        (select * from {{ relation }} where {{ where | replace("__tonight__", tonight()) }}) dbt_subquery
    {%- else -%}
        {{ relation }}
    {%- endif -%}
{%- endmacro %}
