{#- Deletes the rows of tonight and of all later nights from an incremental table. A night that is run again, or is
    first run after a later one, so finds the table as if later nights had never been; they add their rows again. -#}
{% macro delete_nights_from_tonight() -%}
    {%- if is_incremental() -%}
        {{ adapter.dispatch("delete_nights_from_tonight", "handpick")() }}
    {%- endif -%}
{%- endmacro %}

{% macro default__delete_nights_from_tonight() -%}
    delete from {{ this }} where logical_date >= {{ tonight() }}
{%- endmacro %}

{#- Spark deletes whole partitions, which it has to be told one by one. -#}
{% macro spark__delete_nights_from_tonight() -%}
    {%- set found = run_query("select distinct cast(logical_date as string) from " ~ this ~ " where logical_date >= " ~ tonight()) -%}
    {%- for row in found.rows -%}
        {%- do run_query("alter table " ~ this ~ " drop if exists partition (logical_date = date '" ~ row[0] ~ "')") -%}
    {%- endfor -%}
{%- endmacro %}

{#- A condition on a source's night: on an incremental run the nights after the last one that the table keeps, up to tonight;
    else all nights so far. The last one is a literal, so that files of other nights are not opened. -#}
{% macro new_nights() -%}
    {%- set kept = last_kept_night() if is_incremental() else "" -%}
    logical_date <= {{ tonight() }}{% if kept %} and logical_date > cast('{{ kept }}' as date){% endif %}
{%- endmacro %}

{#- The last night before tonight that a table keeps; empty if it keeps none. -#}
{% macro last_kept_night() -%}
    {%- set last = "select cast(max(logical_date) as " ~ dbt.type_string() ~ ") from " ~ this ~ " where logical_date < " ~ tonight() -%}
    {{- run_query(last).rows[0][0] or "" -}}
{%- endmacro %}
