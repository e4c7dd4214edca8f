# A worker. tests/broker/test_container.py runs every step as the same command outside a container.
FROM python:3.11.13-slim-bookworm AS build
WORKDIR /app
RUN python -m venv /opt/venv
# wheels only: the image has no compiler, so a package without a wheel must fail here
COPY requirements.txt ./
RUN /opt/venv/bin/python -m pip install --disable-pip-version-check --no-input --only-binary :all: --require-hashes -r requirements.txt
COPY . ./
# the source of the repository; or a wheel, in a folder that `pillarscore init` has written
RUN set -- pillarscore-*.whl; test -e "$1" || set -- .; \
    /opt/venv/bin/python -m pip install --disable-pip-version-check --no-input --no-deps --no-build-isolation "$@"

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
# /live, not /ready: a long restore is no reason for a restart
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, ssl, urllib.request as u; e = os.environ.get; u.urlopen(('https' if e('PILLARSCORE_WEB_TLS_CERTFILE') else 'http') + '://127.0.0.1:' + e('PILLARSCORE_WEB_PORT', '6066') + '/live', timeout=4, context=ssl._create_unverified_context())"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["pillarscore"]
CMD ["worker"]
