# What the pipeline's tasks run in, with all that they need, and `lobule` beside them. `make images` builds it, or, from the root:
#
#   docker build -f infra/images/train.Dockerfile -t lobule-train:0.1.0 .
#   docker build -f infra/images/train.Dockerfile -t lobule-train:0.1.0-cuda --build-arg LOCK=infra/train-cuda.lock .
#
# It runs as any user, on a read-only root: only /tmp is written, besides what is mounted. BASE is any image with Python 3.11 to
# 3.13, its `venv` and glibc; name it by digest where builds must be the same for ever.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
ARG LOCK=infra/train.lock
COPY infra/images.lock infra/images/install.sh infra/images/settle.sh /images/
COPY ${LOCK} /images/lock
RUN --mount=type=cache,target=/root/.cache --mount=type=secret,id=ca --mount=type=secret,id=index \
    /images/install.sh /images/lock
COPY pyproject.toml README.md /source/
COPY components /source/components
COPY pipelines /source/pipelines
COPY serving /source/serving
RUN /build/bin/uv pip install --quiet --no-deps --no-build-isolation --no-index --python /build/bin/python --target /opt/lobule /source \
 && sed -i '1s|.*|#!/app/bin/python|' /opt/lobule/bin/lobule \
 && cd /opt/lobule/lobule-*.dist-info && rm -f RECORD direct_url.json uv_cache.json
COPY mlflow/promotion-policy.toml /opt/lobule/mlflow/
COPY infra/serve.lock /opt/lobule/infra/
RUN /images/settle.sh /opt/lobule /code
RUN cd /tmp && /app/bin/python -c "import bentoml, evidently, keras, kfp.dsl, kornia_rs, mlflow, openvino, tensorflow, tf2onnx, components.train" \
 && /opt/lobule/bin/lobule --version

FROM ${BASE}
COPY --from=build /packages/ /
COPY --from=build /code/ /
ENV PATH=/app/bin:/opt/lobule/bin:$PATH HOME=/tmp LOBULE_HOME=/tmp/lobule PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    MLFLOW_DISABLE_TELEMETRY=true BENTOML_DO_NOT_TRACK=True DO_NOT_TRACK=1 TF_CPP_MIN_LOG_LEVEL=3 NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 10001:10001
WORKDIR /tmp
CMD ["lobule", "--help"]
HEALTHCHECK NONE
ARG VERSION=0.1.0 REVISION=unknown CODE=unknown CREATED=1980-01-01T00:00:00Z
ENV LOBULE_COMMIT=${REVISION}
LABEL org.opencontainers.image.title="lobule-train" \
      org.opencontainers.image.description="Tasks of Lobule's pipelines, and its command line. Research use only." \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      lobule.code="${CODE}" \
      lobule.sbom="/app/sbom.cdx.json"
