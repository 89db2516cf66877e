# One image for Airflow's components and for Spark's: the same code and libraries everywhere.
# deploy/pin-images.sh writes the base images with their digests into .env.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
FROM ${PYTHON_IMAGE}

RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
       openjdk-17-jre-headless libgomp1 procps tini \
    && rm -rf /var/lib/apt/lists/*

RUN useradd --uid 50000 --create-home --home-dir /home/handpick handpick
WORKDIR /opt/handpick

# Libraries before code, so that a change of the code builds in seconds.
# GROUP=demo adds the demo shop's speech (espeak-ng, under the GPL-3).
ARG GROUP=run
COPY pyproject.toml constraints.txt ./
COPY locks locks
COPY scripts/packages.sh scripts/
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --quiet --no-cache-dir --disable-pip-version-check uv==0.13.9 \
    && scripts/packages.sh /opt/venv/bin/python "$GROUP" --no-cache

COPY . .
RUN /opt/venv/bin/uv pip install --quiet --no-cache --python /opt/venv/bin/python --no-deps --editable . \
    && mkdir -p var airflow && chown -R handpick:handpick var airflow dbt

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/handpick \
    PYTHONUNBUFFERED=1 \
    AIRFLOW_HOME=/opt/handpick/airflow \
    HANDPICK_CONFIG=/opt/handpick/handpick.toml \
    SPARK_CONF_DIR=/opt/handpick/handpick/runtime/spark_conf
USER handpick
VOLUME /opt/handpick/var
ENTRYPOINT ["tini", "--", "deploy/entrypoint.sh"]
CMD ["handpick", "--help"]
