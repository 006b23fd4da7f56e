# shellcheck shell=bash
# Builds the image of pisw-serve from programs that are built already, runs it, and sends it requests. test.sh sources
# this file after image.sh.

# lib.sh, image.sh and test.sh set these.
: "${work:?}" "${top:?}" "${containers:?}" "${review:?}" "${pisw_mutate:?}" "${serve_image:?}"

# Strips the programs, as the Dockerfile's first stages do.
make_programs() {
  local program
  mkdir -p "$work/programs/out/usr/local/bin" || return
  for program in "$top/.build/static/release/pisw-serve" "$pisw_mutate"; do
    strip -R .swift_modhash -R .note.gnu.build-id -o "$work/programs/out/usr/local/bin/${program##*/}" "$program" || return
  done
}

# build_serve ID-FILE: builds the last stage. A folder replaces the stage that compiles.
build_serve() {
  buildah bud --isolation chroot --timestamp 0 --identity-label=false --no-cache --pull-never \
    --build-context "build=$work/programs" --file "$top/Dockerfile" --target pisw-serve \
    --iidfile "$1" --tag "$serve_image" "$work/programs"
}

build_serve_again() { build_serve "$work/serve-second" && cmp "$work/serve-first" "$work/serve-second"; }

# is_small: bounds the size that nodes pull, and the size on the node.
is_small() {
  local unpacked pulled
  unpacked=$(podman image inspect --format '{{.Size}}' "$serve_image")
  podman save --quiet --format docker-archive "$serve_image" | gzip >"$work/image.gz"
  pulled=$(stat -c %s "$work/image.gz")
  echo "unpacked $unpacked, compressed $pulled"
  [ "$unpacked" -lt 35000000 ] && [ "$pulled" -lt 13000000 ]
}

has_two_files() {
  podman save --quiet --format oci-dir --output "$work/saved" "$serve_image" && find "$work/saved" -type f \
    -exec sh -c 'tar -tf "$1" 2>/dev/null' sh {} \; | grep -v '/$' | sort >"$work/files"
  cat "$work/files"
  [ "$(paste -sd' ' "$work/files")" = "usr/local/bin/pisw-mutate usr/local/bin/pisw-serve" ]
}

# serves SUFFIX PORT OPTION...: runs the image as the chart does.
serves() {
  local suffix=$1 port=$2
  shift 2
  podman --runtime runc run --detach --name "$containers-$suffix" --network host \
    --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 --read-only --read-only-tmpfs=false --cap-drop=all \
    --security-opt=no-new-privileges "$@" "$serve_image" --listen "127.0.0.1:$port" \
    --admin-listen off --drain-delay 0 && wait_for_port "$port"
}

# drains SUFFIX: the container ends on SIGTERM with status 0.
drains() {
  podman --runtime runc stop --time 20 "$containers-$1" \
    && [ "$(podman inspect --format '{{.State.ExitCode}}' "$containers-$1")" = 0 ]
}

# mutates OPTION...: the image's pisw-mutate answers the review.
mutates() {
  podman --runtime runc run --rm --interactive --network none --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 \
    --read-only --read-only-tmpfs=false --cap-drop=all "$@" --entrypoint /usr/local/bin/pisw-mutate \
    "$serve_image" <"$review" | cmp - "$work/answer"
}

# Builds the last stage of the tool's image. A folder replaces the stage that compiles.
builds_the_tool() {
  mkdir -p "$work/tool/out/usr/local/bin" && cp "$work/programs/out/usr/local/bin/pisw-mutate" \
    "$work/tool/out/usr/local/bin/pisw" || return
  buildah bud --isolation chroot --timestamp 0 --identity-label=false --no-cache --pull-never \
    --build-context "build-tool=$work/tool" --file "$top/Dockerfile" --target pisw --tag "$serve_image-tool" \
    "$work/tool" \
    && podman image inspect --format '{{.Config.User}} {{.Config.Entrypoint}}' "$serve_image-tool" \
    | grep -Fx '65532:65532 [/usr/local/bin/pisw]'
}
