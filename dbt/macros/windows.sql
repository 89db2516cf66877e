{#- The windows that events are counted over, in whole days; none means all time. -#}
{% macro windows() -%}
    {{ return({"7d": 7, "30d": 30, "all": none}) }}
{%- endmacro %}
