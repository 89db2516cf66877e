{#- Creates a Spark view over the lake folder of every source; dbt-duckdb reads the files without views. -#}
{% macro create_spark_views() -%}
    {%- if execute and target.type == "spark" -%}
        {%- for source in graph.sources.values() -%}
            {%- do run_query("create database if not exists " ~ source.schema) -%}
            {%- set folder = env_var("HANDPICK_LAKE", "../var/lake") ~ "/" ~ (source.meta.folder or source.schema ~ "/" ~ source.name) -%}
            {%- do run_query("create or replace view " ~ source.schema ~ "." ~ source.identifier ~ " as select * from parquet.`" ~ folder ~ "`") -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
