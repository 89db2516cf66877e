{#- Stops a build by hand of an older night than the newest: the live tables would lose the nights after it. The stage
    may do that: the nights after it are run again, too. -#}
{% macro refuse_old_night() -%}
    {%- if execute and flags.WHICH in ("build", "run", "snapshot") and target.name == "duckdb" and not env_var("HANDPICK_WAREHOUSE_STAGE", "") -%}
        {%- set newest = newest_night() -%}
        {%- if night() < newest -%}
            {%- do exceptions.raise_compiler_error(
                "the live warehouse is of " ~ newest ~ ", and would lose the nights after " ~ night() ~ "; nothing was built. Build "
                ~ night() ~ " aside with `--target scratch`, or run the stage: handpick warehouse --date " ~ night()
            ) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
