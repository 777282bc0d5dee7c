# syntax=docker/dockerfile:1
# Two images from one build: `--target rust` and `--target python`. docker-compose.yml builds and runs both.

# ── Build: the Rust server and the wheels of the Python server ──
FROM rust:1.95.0-slim-bookworm AS build
# make: jemalloc's build; python3-venv: maturin runs in an environment of its own.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends make python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY requirements/build.txt requirements/
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 -m venv /opt/build && /opt/build/bin/pip install --require-hashes --requirement requirements/build.txt
COPY Cargo.toml Cargo.lock ./
COPY proto proto
COPY rust_core rust_core
COPY server server
COPY loadtest/ceilings loadtest/ceilings
COPY loadtest/probes loadtest/probes
# Cargo's downloads and build stay in the cache mounts; what is needed of them is copied out.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/source/target \
    cargo build --locked --profile dist --package ferrule-server \
    && install -D target/dist/ferrule-server /out/ferrule-server \
    && /opt/build/bin/maturin build --locked --profile dist --compatibility linux \
        --manifest-path rust_core/python/Cargo.toml --out /out/wheels \
    && /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /out/wheels server/python
# A fresh volume takes owner and mode from the folder it is mounted on: 65532 is nonroot of the images below.
RUN install -d -o 65532 -g 65532 /out/models

# ── The Rust server: nothing but the binary and the C library ──
FROM gcr.io/distroless/cc-debian12:nonroot AS rust
COPY --from=build /out/ferrule-server /usr/local/bin/ferrule-server
COPY --from=build --chown=65532:65532 /out/models /models
# The default folder of models, `models`, is /models from here: lowest of the settings, under a file of one's own.
WORKDIR /
EXPOSE 50051
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=4s --start-period=10s CMD ["ferrule-server", "healthcheck"]
ENTRYPOINT ["ferrule-server"]
CMD ["serve"]

# ── The Python server: grpcio and the two wheels ──
FROM python:3.11-slim-bookworm AS python
RUN groupadd --gid 65532 nonroot && useradd --uid 65532 --gid 65532 --no-create-home --shell /usr/sbin/nologin nonroot
RUN --mount=type=bind,source=requirements/server.txt,target=/mnt/server.txt --mount=type=cache,target=/root/.cache/pip \
    pip install --require-hashes --requirement /mnt/server.txt
RUN --mount=type=bind,from=build,source=/out/wheels,target=/mnt/wheels pip install --no-deps --no-index /mnt/wheels/*.whl
COPY --from=build --chown=65532:65532 /out/models /models
USER 65532:65532
# As above.
WORKDIR /
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
EXPOSE 50051
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=4s --start-period=20s CMD ["python", "-m", "ferrule_server", "healthcheck"]
ENTRYPOINT ["python", "-m", "ferrule_server"]
CMD ["serve"]
