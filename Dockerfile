# The webhook's image: pisw-serve, pisw-mutate beside it, and nothing else. And with --target pisw the tool for CI.
#
#   docker build -t pisw .
#   docker build -t pisw-tool --target pisw .
#
# Whoever wants builds that never change names the toolchain by its digest:
#   docker build --build-arg SWIFT_IMAGE=docker.io/library/swift@sha256:... .
ARG SWIFT_IMAGE=docker.io/library/swift:6.2-bookworm

FROM ${SWIFT_IMAGE} AS source
WORKDIR /src
COPY . .

FROM source AS build
RUN Tests/build.sh pisw-mutate pisw-serve \
  && install -D -s -t /out/usr/local/bin .build/static/release/pisw-mutate .build/static/release/pisw-serve

FROM source AS build-tool
RUN Tests/build.sh pisw && install -D -s -t /out/usr/local/bin .build/static/release/pisw

FROM scratch AS pisw
COPY --from=build-tool /out/ /
LABEL org.opencontainers.image.title="pisw-tool" \
  org.opencontainers.image.description="Shows what pisw would do to the images of manifests" \
  org.opencontainers.image.version="0.1.0" \
  org.opencontainers.image.licenses="Apache-2.0"
USER 65532:65532
WORKDIR /work
ENTRYPOINT ["/usr/local/bin/pisw"]

FROM scratch AS pisw-serve
COPY --from=build /out/ /
LABEL org.opencontainers.image.title="pisw" \
  org.opencontainers.image.description="Points the images of Kubernetes pods at a pull-through proxy registry" \
  org.opencontainers.image.version="0.1.0" \
  org.opencontainers.image.licenses="Apache-2.0"
# By number, so that Kubernetes can tell that it is not root (runAsNonRoot); any other number will do as well.
USER 65532:65532
EXPOSE 8443 9090
ENTRYPOINT ["/usr/local/bin/pisw-serve"]
