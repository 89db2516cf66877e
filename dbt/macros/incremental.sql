{#- Takes away what an earlier run of the same night left in an incremental table, so that a night can be run again. -#}
{% macro forget_tonight() -%}
    {%- if is_incremental() -%}
        {{ adapter.dispatch("forget_tonight", "handpick")() }}
    {%- endif -%}
{%- endmacro %}

{% macro default__forget_tonight() -%}
    delete from {{ this }} where logical_date = {{ tonight() }}
{%- endmacro %}

{% macro spark__forget_tonight() -%}
    alter table {{ this }} drop if exists partition (logical_date = date '{{ night() }}')
{%- endmacro %}

{#- Tonight's partition of a source on an ordinary run; all nights so far when a table is built from nothing. -#}
{% macro new_nights() -%}
    {%- if is_incremental() -%}
        logical_date = {{ tonight() }}
    {%- else -%}
        logical_date <= {{ tonight() }}
    {%- endif -%}
{%- endmacro %}
