# The webhook's image: pisw-serve and pisw-mutate, and nothing else. With --target pisw: the image of the command-line
# tool, for CI.
#
#   docker build -t pisw .
#   docker build -t pisw-tool --target pisw .
#
# To make --version print the commit: --build-arg PISW_COMMIT="$(git rev-parse HEAD)"
# For builds that never change, name the toolchain by its digest:
#   docker build --build-arg SWIFT_IMAGE=docker.io/library/swift@sha256:... .
ARG SWIFT_IMAGE=docker.io/library/swift:6.2-bookworm

FROM ${SWIFT_IMAGE} AS source
WORKDIR /src
COPY . .

# Strips the programs, and removes the two sections that differ between builds, so that two builds give the same image.
FROM source AS build
ARG PISW_COMMIT
RUN Build/build.sh pisw-mutate pisw-serve && mkdir -p /out/usr/local/bin \
  && for program in pisw-mutate pisw-serve; do \
    strip -R .swift_modhash -R .note.gnu.build-id -o "/out/usr/local/bin/$program" ".build/static/release/$program" \
    || exit; done

FROM source AS build-tool
ARG PISW_COMMIT
RUN Build/build.sh pisw && mkdir -p /out/usr/local/bin \
  && strip -R .swift_modhash -R .note.gnu.build-id -o /out/usr/local/bin/pisw .build/static/release/pisw

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
# A number, because Kubernetes cannot check runAsNonRoot against a name. Any other number works, too.
USER 65532:65532
EXPOSE 8443 9090
ENTRYPOINT ["/usr/local/bin/pisw-serve"]
