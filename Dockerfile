# The image of Rollcall: one program, the usual CA certificates, and nothing else.
#
#   docker build --tag rollcall:0.1.0 --build-arg VERSION=0.1.0 --build-arg REVISION="$(git rev-parse HEAD)" .
#
# Arguments, all with a suitable default:
#   RUST_VERSION   the compiler; rust-version in Cargo.toml is the oldest supported one
#   DEBIAN         the Debian release that it is built on
#   DISTROLESS     the release that it runs on: the same one, because the program links the C library dynamically
#   VERSION, REVISION, CREATED, SOURCE   the labels: version, commit, RFC 3339 time, URL of the source;
#                  the metric rollcall_build_info has the commit, too
#
# No secret is needed to build it and none is in it: the configuration and the secrets are mounted.
# `.dockerignore` lets in only what is copied here.
ARG RUST_VERSION=1.95
ARG DEBIAN=bookworm
ARG DISTROLESS=debian12

# The slim image has the C compiler that ring and mimalloc need; deploy/build.sh needs the rest.
FROM rust:${RUST_VERSION}-slim-${DEBIAN} AS build
# hadolint ignore=DL3008
RUN apt-get update \
    && if [ "$(dpkg --print-architecture)" = amd64 ]; then apt-get install -y --no-install-recommends bolt-19 curl; fi \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build

# Builds the dependencies first, with an empty program and the same manifest. This layer takes most of
# the build time, and is rebuilt only when Cargo.toml or Cargo.lock change.
COPY Cargo.toml Cargo.lock ./
RUN mkdir src \
    && echo 'fn main() {}' > src/main.rs \
    && touch src/lib.rs \
    && cargo build --profile dist --locked --bin rollcall \
    && rm -r src

# Copied files keep their modification times, which are older than the empty program's: without `touch`
# cargo would consider the empty program up to date.
COPY src src
COPY deploy/build.sh deploy/build.sh
ARG REVISION=unknown
RUN touch src/main.rs src/lib.rs \
    && ROLLCALL_REVISION="${REVISION}" bash deploy/build.sh \
    && mkdir /state

# distroless/cc has the C library, the certificates and an unprivileged user, but no shell.
FROM gcr.io/distroless/cc-${DISTROLESS}:nonroot
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
ARG SOURCE=https://example.com/rollcall
LABEL org.opencontainers.image.title="rollcall" \
      org.opencontainers.image.description="One roll of a customer's users, whichever backend holds them: a unified REST gateway." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}"

COPY --from=build /build/target/shipped/rollcall /usr/local/bin/rollcall
# Where refresh tokens are kept. A new volume mounted here belongs to that user, too.
COPY --from=build --chown=65532:65532 /state /var/lib/rollcall

USER 65532:65532
WORKDIR /var/lib/rollcall
ENV ROLLCALL_CONFIG=/etc/rollcall/rollcall.toml
# Callers, and operators if server.admin_listen is set to it.
EXPOSE 8080 9090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=5s --start-period=10s --retries=3 CMD ["/usr/local/bin/rollcall", "health"]
ENTRYPOINT ["/usr/local/bin/rollcall"]
CMD ["serve"]
