{#- Deletes the rows of an earlier run of the same night from an incremental table, so that a night can be run again. -#}
{% macro delete_tonight() -%}
    {%- if is_incremental() -%}
        {{ adapter.dispatch("delete_tonight", "handpick")() }}
    {%- endif -%}
{%- endmacro %}

{% macro default__delete_tonight() -%}
    delete from {{ this }} where logical_date = {{ tonight() }}
{%- endmacro %}

{% macro spark__delete_tonight() -%}
    alter table {{ this }} drop if exists partition (logical_date = date '{{ night() }}')
{%- endmacro %}

{#- A condition on a source's night: tonight on an incremental run; all nights so far on a full refresh. -#}
{% macro new_nights() -%}
    {%- if is_incremental() -%}
        logical_date = {{ tonight() }}
    {%- else -%}
        logical_date <= {{ tonight() }}
    {%- endif -%}
{%- endmacro %}
