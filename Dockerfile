# Built in two stages: what is needed to build stays behind. See docs/deployment.md.
ARG PYTHON=python:3.11-slim

FROM ${PYTHON} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python3 -m venv /opt/dateline
# torch is installed first and alone: a range that reaches it through another package may bring gigabytes of CUDA.
ARG TORCH=torch==2.13.0
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN /opt/dateline/bin/pip install --index-url "${TORCH_INDEX}" "${TORCH}"
WORKDIR /src
COPY . .
RUN /opt/dateline/bin/pip install --constraint constraints.txt '.[local-llm]'
# The encoder, without which nothing works; add the chat model to let a model write: see docs/deployment.md.
ARG MODELS=all-MiniLM-L6-v2
ENV DATELINE_MODELS__FOLDER=/opt/models
# Unquoted: several names are several words.
# hadolint ignore=SC2086
RUN /opt/dateline/bin/dateline models fetch ${MODELS}

FROM ${PYTHON}
RUN groupadd --gid 10001 dateline \
    && useradd --uid 10001 --gid dateline --home-dir /data --no-create-home --shell /usr/sbin/nologin dateline \
    && install --directory --owner dateline --group dateline --mode 0700 /data
COPY --from=build /opt/dateline /opt/dateline
COPY --from=build /opt/models /opt/models
# Nothing but /data and /tmp is written; the address is that of the container, whose port the host publishes or not.
ENV PATH=/opt/dateline/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    HF_HUB_OFFLINE=1 \
    DATELINE_DATA_DIR=/data \
    DATELINE_MODELS__FOLDER=/opt/models \
    DATELINE_SERVER__HOST=0.0.0.0 \
    DATELINE_SERVER__PORT=8000
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python3", "-c", "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ['DATELINE_SERVER__PORT']}/healthz\", timeout=4)"]
ENTRYPOINT ["dateline"]
CMD ["serve"]
