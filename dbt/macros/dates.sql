{#- The logical date of the night that is being built, as SQL. It is evaluated when SQL runs, not when the project is
    parsed: a new night must not make dbt parse the whole project again. -#}
{% macro tonight() -%}
    {%- if execute -%}
        cast('{{ night() }}' as date)
    {%- else -%}
        cast('2000-01-01' as date)
    {%- endif -%}
{%- endmacro %}

{#- The logical date in ISO form, for places where SQL allows only a literal: the one that is given, else the newest night. -#}
{% macro night() -%}
    {{- var("logical_date", none) or env_var("HANDPICK_LOGICAL_DATE", "") or newest_night() -}}
{%- endmacro %}

{#- The newest night that `transform` has written to the lake. -#}
{% macro newest_night() -%}
    {%- set folders = env_var("HANDPICK_LAKE", "../var/lake") ~ "/clean/items/logical_date=*/*.parquet" -%}
    {%- if target.type != "duckdb" -%}
        {%- do exceptions.raise_compiler_error("name the night: --vars 'logical_date: YYYY-MM-DD'") -%}
    {%- endif -%}
    {%- set found = run_query("select max(regexp_extract(file, 'logical_date=([0-9-]+)', 1)) from glob('" ~ folders ~ "')").rows[0][0] -%}
    {%- if not found -%}
        {%- do exceptions.raise_compiler_error("there is no night yet in " ~ folders ~ "; nothing was built. Run one first: handpick run") -%}
    {%- endif -%}
    {{- found -}}
{%- endmacro %}

{#- The first day of a window of whole days that ends with a given day. -#}
{% macro window_start(day, days) -%}
    {{ add_days(day, 1 - days) }}
{%- endmacro %}

{#- A date some days later. -#}
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

{#- Midnight UTC at the start of a date, as a timestamp; both targets run in UTC. -#}
{% macro midnight(day) -%}
    cast({{ day }} as {{ type_timestamp_utc() }})
{%- endmacro %}

{#- The type of a point in time in UTC, whose name differs between the targets. -#}
{% macro type_timestamp_utc() -%}
    {{ return(adapter.dispatch("type_timestamp_utc", "handpick")()) }}
{%- endmacro %}

{% macro default__type_timestamp_utc() -%}
    timestamp with time zone
{%- endmacro %}

{% macro spark__type_timestamp_utc() -%}
    timestamp
{%- endmacro %}

{#- Overrides a macro of dbt, so that tests can be configured with `where: logical_date = __tonight__`, the night being built. -#}
{% macro get_where_subquery(relation) -%}
    {%- set where = config.get("where", "") -%}
    {%- if where -%}
        (select * from {{ relation }} where {{ where | replace("__tonight__", tonight()) }}) dbt_subquery
    {%- else -%}
        {{ relation }}
    {%- endif -%}
{%- endmacro %}
