# The image of Rollcall: one program, the certificates of the usual authorities, and nothing else.
#
#   docker build --tag rollcall:0.1.0 --build-arg VERSION=0.1.0 --build-arg REVISION="$(git rev-parse HEAD)" .
#
# Arguments, all with a default that fits:
#   RUST_VERSION   the compiler; rust-version in Cargo.toml is the oldest that will do
#   DEBIAN         the release of Debian that it is built on
#   DISTROLESS     the release that it runs on: the same one, for the C library is the machine's
#   VERSION, REVISION, CREATED, SOURCE   what the labels say of it: version, commit, RFC 3339 time, URL of the
#                  source; the metric rollcall_build_info tells the commit, too
#
# No secret is needed to build it and none is in it: the configuration and the secrets are mounted.
# `.dockerignore` lets in only what is copied here.
ARG RUST_VERSION=1.95
ARG DEBIAN=bookworm
ARG DISTROLESS=debian12

# The slim image has the C compiler that ring and mimalloc want; deploy/build.sh wants the rest.
FROM rust:${RUST_VERSION}-slim-${DEBIAN} AS build
# hadolint ignore=DL3008
RUN apt-get update \
    && if [ "$(dpkg --print-architecture)" = amd64 ]; then apt-get install -y --no-install-recommends bolt-19 curl; fi \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build

# The dependencies first, for an empty program of the same manifest: this layer, most of the time
# that a build takes, is made anew only when Cargo.toml or Cargo.lock change.
COPY Cargo.toml Cargo.lock ./
RUN mkdir src \
    && echo 'fn main() {}' > src/main.rs \
    && touch src/lib.rs \
    && cargo build --profile dist --locked --bin rollcall \
    && rm -r src

# Files keep the times that they have outside, which are before those of the empty program: without
# `touch` cargo would take that one for this one.
COPY src src
COPY deploy/build.sh deploy/build.sh
ARG REVISION=unknown
RUN touch src/main.rs src/lib.rs \
    && ROLLCALL_REVISION="${REVISION}" bash deploy/build.sh \
    && mkdir /state

# distroless/cc has the C library, the certificates and a user without rights; no shell.
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
# Where refresh tokens are kept. A new volume that is mounted here belongs to the user, too.
COPY --from=build --chown=65532:65532 /state /var/lib/rollcall

USER 65532:65532
WORKDIR /var/lib/rollcall
ENV ROLLCALL_CONFIG=/etc/rollcall/rollcall.toml
# Callers, and operators where server.admin_listen says so.
EXPOSE 8080 9090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=5s --start-period=10s --retries=3 CMD ["/usr/local/bin/rollcall", "health"]
ENTRYPOINT ["/usr/local/bin/rollcall"]
CMD ["serve"]
