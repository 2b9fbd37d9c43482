# The service without a model: it follows the registry. (`lobule package` writes a Bento with one model and a Dockerfile of its own.)
# `make images` builds it, or, from the root of the repository:
#
#   docker build -f infra/images/serve.Dockerfile -t lobule-serve:0.1.0 .
#   docker run --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges -v lobule:/data -p 3000:3000 \
#     -e MLFLOW_TRACKING_URI=http://mlflow:5000 -e LOBULE_MODEL=lobule-histology@champion lobule-serve:0.1.0
#
# What is kept goes to /data (prediction log, cached bundles). Any image with Python 3.11 to 3.13 and its `venv` can be BASE.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
COPY infra/images.lock infra/images/install.sh infra/images/settle.sh infra/serve.lock /images/
RUN --mount=type=cache,target=/root/.cache --mount=type=secret,id=ca --mount=type=secret,id=index \
    /images/install.sh /images/serve.lock
COPY serving /opt/lobule/serving
RUN mkdir -p -m 1777 /code/data && /images/settle.sh /opt/lobule /code \
 && cd /tmp && /app/bin/python -c "import serving.service, serving.registry, openvino, uvloop"

FROM ${BASE}
COPY --from=build /packages/ /
COPY --from=build /code/ /
ENV PATH=/app/bin:$PATH HOME=/tmp LOBULE_HOME=/data \
    BENTOML_HOST=0.0.0.0 BENTOML_PORT=3000 BENTOML_HOME=/tmp/bentoml BENTOML_DO_NOT_TRACK=True BENTOML_CONTAINERIZED=true \
    MLFLOW_DISABLE_TELEMETRY=true PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /opt/lobule
VOLUME /data
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"BENTOML_PORT\"]}/readyz', timeout=4)"]
ENTRYPOINT ["bentoml", "serve", "serving.service:Lobule"]
ARG VERSION=0.1.0 REVISION=unknown CODE=unknown CREATED=1980-01-01T00:00:00Z
LABEL org.opencontainers.image.title="lobule-serve" \
      org.opencontainers.image.description="Lobule's service, which follows a model in MLflow's registry. Research use only." \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      lobule.code="${CODE}" \
      lobule.sbom="/app/sbom.cdx.json"
