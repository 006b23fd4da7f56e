#!/usr/bin/env bash
# Prints the path of a folder with etcd, kube-apiserver and kubectl: the one in KUBEBUILDER_ASSETS, or else Kubernetes
# 1.20.2 from Debian 12, which is built once and kept in the user's cache. Nothing is installed: packages are unpacked
# in a scratch folder, and kube-apiserver, which Debian has as source only, is built there.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

if [ -n "${KUBEBUILDER_ASSETS:-}" ]; then
  for program in etcd kube-apiserver kubectl; do
    if [ ! -x "$KUBEBUILDER_ASSETS/$program" ]; then
      echo "KUBEBUILDER_ASSETS: there is no program $KUBEBUILDER_ASSETS/$program" >&2
      exit 66
    fi
  done
  echo "$KUBEBUILDER_ASSETS"
  exit
fi

version=1.20.2
cache=${XDG_CACHE_HOME:-$HOME/.cache}/pisw
assets=$cache/kubernetes-$version
if [ -d "$assets" ]; then
  echo "$assets"
  exit
fi

# The URL where apt finds Debian 12. It works before apt's first update, too.
mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --no-release-info --format '$(REPO_URI)' \
  'Created-By: Packages' 'Release: bookworm' 'Component: main' | sed -n 1p)}
if [ -z "$mirror" ]; then
  echo "no Kubernetes: this system has no source of Debian 12; set DEBIAN_MIRROR to the URL of a mirror," \
    "or KUBEBUILDER_ASSETS to a folder with etcd, kube-apiserver and kubectl" >&2
  exit 71
fi

echo "building Kubernetes $version in $cache, once: about two minutes" >&2
mkdir -p "$cache"
# Removes what killed builds left behind.
find "$cache" -maxdepth 1 -name 'building-*' -mmin +120 -exec rm -rf {} +
scratch=$(mktemp -d "$cache/building-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -e $keyring ] || "$here/../../Build/install.sh" debian-archive-keyring

# Uses Debian 12's packages and sources without changing the system's lists. The system's other apt settings, such as a
# proxy, still hold, except for its hooks after updates.
mkdir -p "$scratch"/{lists,archives}/partial "$scratch/debs"
cat >"$scratch/sources.list" <<END_OF_SOURCES
deb [signed-by=$keyring] $mirror bookworm main
deb-src [signed-by=$keyring] $mirror bookworm main
END_OF_SOURCES
cat >"$scratch/apt.conf" <<END_OF_SETTINGS
Dir::Etc::sourcelist "$scratch/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State::lists "$scratch/lists";
Dir::Cache "$scratch";
APT::Default-Release "";
Acquire::Languages "none";
Acquire::Retries "3";
APT::Sandbox::User "root";
#clear APT::Update;
END_OF_SETTINGS

# quietly COMMAND...: runs the command, and shows its output only if it fails.
quietly() {
  if ! "$@" >"$scratch/log" 2>&1; then
    echo "failed: $*" >&2
    cat "$scratch/log" >&2
    exit 70
  fi
}

cd "$scratch/debs"
quietly apt-get -c "$scratch/apt.conf" -o APT::Update::Error-Mode=any update
quietly apt-get -c "$scratch/apt.conf" download etcd-server kubernetes-client golang-1.19-go golang-1.19-src \
  golang-github-modern-go-reflect2-dev
quietly apt-get -c "$scratch/apt.conf" source --download-only kubernetes
# This saves writing and removing thousands of files.
without_tests=(--exclude='*_test.go' --exclude=testdata --exclude='*/usr/share/go-1.19/test' --exclude='*/share/doc')
mkdir "$scratch/root"
for package in *.deb; do
  dpkg-deb --fsys-tarfile "$package" | tar -x -C "$scratch/root" "${without_tests[@]}"
done

# Debian's patches are for kubectl only. The vendored reflect2 crashes with Go 1.18 and later, so Debian's package is
# used.
export GOPATH=$scratch/go
kubernetes=$GOPATH/src/k8s.io/kubernetes
mkdir -p "$kubernetes"
tar -xzf kubernetes_*"really$version.orig.tar.gz" --strip-components=1 -C "$kubernetes" \
  "${without_tests[@]}" --wildcards \
  '*/cmd/' '*/hack/boilerplate/' '*/pkg/' '*/plugin/' '*/staging/' '*/third_party/' '*/vendor/'
cd "$kubernetes"
reflect2=github.com/modern-go/reflect2
rm -r "vendor/$reflect2"
cp -r "$scratch/root/usr/share/gocode/src/$reflect2" "vendor/$reflect2"

# Flags for a fast build: no inlining, no symbols, no cloud providers, and less garbage collection in the compiler.
export GOROOT=$scratch/root/usr/lib/go-1.19 GOCACHE=$scratch/go-cache GO111MODULE=off CGO_ENABLED=0 GOENV=off GOGC=400
unset GOFLAGS GOOS GOARCH GOEXPERIMENT
go=$GOROOT/bin/go

# Generates the one source file that is generated: the OpenAPI definitions of all packages that ask for them.
quietly "$go" build -o "$scratch/openapi-gen" ./vendor/k8s.io/kube-openapi/cmd/openapi-gen
described=$(grep -rl --include='*.go' --exclude='*_test.go' '+k8s:openapi-gen=' pkg staging/src/k8s.io \
  | grep -vE '/(code-generator|sample-[a-z]+|testing)/' | xargs -n 1 dirname | sort -u \
  | sed 's,^pkg/,k8s.io/kubernetes/pkg/,; s,^staging/src/,k8s.io/kubernetes/vendor/,' | paste -sd ,)
quietly "$scratch/openapi-gen" -i "$described" -p k8s.io/kubernetes/pkg/generated/openapi -O zz_generated.openapi \
  -h hack/boilerplate/boilerplate.generatego.txt -r "$scratch/violations"

symbols="-s -w"
for package in component-base/version client-go/pkg/version; do
  package=k8s.io/kubernetes/vendor/k8s.io/$package
  symbols+=" -X $package.gitVersion=v$version -X $package.gitMajor=1 -X $package.gitMinor=20"
done
mkdir "$scratch/assets"
quietly "$go" build -tags providerless -gcflags=all=-l -ldflags "$symbols" \
  -o "$scratch/assets/kube-apiserver" ./cmd/kube-apiserver
cp "$scratch/root/usr/bin/etcd" "$scratch/root/usr/bin/kubectl" "$scratch/assets/"

quietly "$scratch/assets/etcd" --version
quietly "$scratch/assets/kubectl" version --client
quietly "$scratch/assets/kube-apiserver" --version
if ! grep -qF "v$version" "$scratch/log"; then
  echo "not Kubernetes v$version: $(cat "$scratch/log")" >&2
  exit 70
fi
# Another run may have built the same meanwhile.
mv -T "$scratch/assets" "$assets" 2>/dev/null || [ -d "$assets" ]
echo "$assets"
