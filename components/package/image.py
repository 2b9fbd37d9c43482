"""The image of a Bento: a Dockerfile that lies in it, smaller and stricter than the one that `bentoml containerize` writes.

That one installs a compiler and git, and keeps what it writes beside the code, which a read-only root file system forbids. Here
packages come as wheels, each checked against its hash from the lock; nothing is compiled; the user who runs the service owns none of the
code; and all that is written goes to /data (prediction log, cached bundles) and /tmp.
"""

import platform

DOCKERFILE = "Dockerfile"
USER = 1034
"""The user's number, as BentoML's own images have it; a number, so that Kubernetes can tell that it is not root."""


def dockerfile(tag: str) -> str:
    """Return the Dockerfile of a Bento; its build context is the Bento's directory.

    The base image is a build argument: any that holds the Python that the Bento was built with, with `venv`.
    """
    image, python = tag.replace(":", "-"), ".".join(platform.python_version_tuple()[:2])
    return f"""\
# docker build -t {image} .
# docker run --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges -v lobule:/data -p 3000:3000 {image}
ARG BASE=python:{python}-slim
FROM $BASE AS build
COPY env/python/requirements.txt /tmp/requirements.txt
RUN python3 -m venv /app && /app/bin/python -m pip install --no-cache-dir --no-compile --require-hashes --no-deps --only-binary :all: \\
      -r /tmp/requirements.txt && /app/bin/python -m pip uninstall -q -y pip
RUN /app/bin/python -m compileall -q -j 0 /app/lib || echo "some files are for another Python"
RUN /app/bin/python -c "import bentoml, fastapi, openvino, pyarrow, PIL, pydicom"

FROM $BASE
RUN mkdir /data && chown {USER}:{USER} /data
COPY --from=build /app /app
COPY bento.yaml /bento/bento.yaml
COPY src /bento/src
RUN /app/bin/python -m compileall -q /bento/src
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp \\
    LOBULE_HOME=/data BENTOML_HOME=/tmp/bentoml BENTOML_DO_NOT_TRACK=True BENTOML_CONTAINERIZED=true
USER {USER}:{USER}
WORKDIR /bento
VOLUME /data
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \\
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:3000/readyz', timeout=4)"]
ENTRYPOINT ["bentoml", "serve", "/bento", "--host", "0.0.0.0", "--port", "3000"]
"""
