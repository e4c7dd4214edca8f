# A worker. Every step is run outside of a container by tests/broker/test_container.py, as the same command.
FROM python:3.11.13-slim-bookworm AS build
WORKDIR /app
RUN python -m venv /opt/venv
# wheels alone: the image has no compiler, and what has none is to be noticed here
COPY requirements.txt ./
RUN /opt/venv/bin/python -m pip install --disable-pip-version-check --no-input --only-binary :all: --require-hashes -r requirements.txt
COPY pyproject.toml requirements.in README.md LICENSE ./
COPY schemas ./schemas
COPY pipeline ./pipeline
COPY rubrics ./rubrics
COPY agents ./agents
RUN /opt/venv/bin/python -m pip install --disable-pip-version-check --no-input --no-deps --no-build-isolation .

FROM python:3.11.13-slim-bookworm
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/pillarscore --shell /usr/sbin/nologin pillarscore && \
    install -d -o 10001 -g 10001 -m 0750 /var/lib/pillarscore
COPY --from=build /opt/venv /opt/venv
# no bytecode is written at run time, so the file system may be read-only
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PILLARSCORE_LOG_FORMAT=json \
    PILLARSCORE_STATE_DIR=/var/lib/pillarscore \
    PILLARSCORE_WEB_HOST=0.0.0.0
WORKDIR /var/lib/pillarscore
USER 10001:10001
EXPOSE 6066
# alive, not ready: a long restore is no reason to be restarted
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ.get('PILLARSCORE_WEB_PORT', '6066') + '/live', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["pillarscore"]
CMD ["worker"]
