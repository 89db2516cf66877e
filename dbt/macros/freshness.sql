{#- Overrides a macro of dbt: a source's age as of the end of the night being built instead of now, so that an old night
    can be run again. -#}
{% macro collect_freshness(source, loaded_at_field, filter) -%}
    {%- call statement("collect_freshness", fetch_result=True, auto_begin=False) -%}
        select
            max({{ loaded_at_field }}) as max_loaded_at,
            {{ midnight(add_days(tonight(), 1)) }} as snapshotted_at
        from {{ source }}
        where logical_date <= {{ tonight() }}
        {%- if filter %} and {{ filter }}{% endif %}
    {%- endcall -%}
    {{ return(load_result("collect_freshness")) }}
{%- endmacro %}
