# shellcheck shell=bash
# --version and --help of every program. The examples in the help run as printed. test.sh sources this file after lib.sh.

# lib.sh sets these.
: "${top:?}" "${work:?}" "${pisw:?}"

mkdir -p "$work/help/bin" && cd "$work/help" || exit 71
PATH=$work/help/bin:$top/.build/static/release:$PATH
ln -s "$pisw" bin/normalize-docker-image-name
ln -s "$pisw" bin/patch-docker-image-name

# --- versions
# As in Build/build.sh: the commit, if the sources have no uncommitted changes.
commit=
if [ -e "$top/.git" ] && [ -z "$(git -C "$top" status --porcelain -- Package.swift Sources Build)" ]; then
  commit=" ($(git -C "$top" rev-parse HEAD | cut -c 1-7))"
fi
version=$(sed -n 's/^appVersion: //p' "$top/chart/Chart.yaml")
for program in pisw pisw-serve pisw-mutate normalize-docker-image-name patch-docker-image-name; do
  check "$program --version prints version and commit" prints "$program $version$commit\n" "$program" --version
done
check "a subcommand prints the version of its program" prints "pisw $version$commit\n" pisw preview --version

# --- the form of help has_form COMMAND...: the help begins with the usage, then examples if there are any, then
# options. No line is wider than a terminal, and examples leave room for a prompt.
has_form() {
  "$@" --help >out && awk '
    length > 80 { print "wider than 80 columns: " $0; bad = 1 }
    /[<>]/ && /^  [-<]/ { print "brackets: " $0; bad = 1 }
    NR == 1 && !/^USAGE: / { print "begins with " $0; bad = 1 }
    /^[A-Z ]+:/ { title = $1; order = order title " " }
    title ~ /EXAMPLES|COMPLETION/ && length > 76 { print "wider than 76 columns: " $0; bad = 1 }
    END { print order; exit bad || order !~ /^USAGE: (EXAMPLES: )?(ARGUMENTS: )?OPTIONS: / }' out
}

commands=(pisw "pisw preview" "pisw image" "pisw explain" "pisw config" "pisw config check" "pisw config show" "pisw review"
  "pisw krm" pisw-serve pisw-mutate normalize-docker-image-name patch-docker-image-name)
for command in "${commands[@]}"; do
  # shellcheck disable=SC2086 # the words of a command
  check "$command --help: usage, examples, options, in 80 columns" has_form $command
done

# --- examples: their input files, and stand-ins for the programs in their pipes
cp -r "$top/examples/manifests/shop" manifests
cp "$top/examples/reviews/deployment-pod.json" review.json
echo 'mirrors: {docker.io: proxy.example.com}' >config.yaml
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: pisw}\ndata:\n  docker.io: proxy.example.com\n' >pisw.yaml
for name in pod before after; do
  printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: web-0}\nspec: {containers: [{name: a, image: "nginx:%s"}]}\n' \
    "$name" >"$name.yaml"
done
cp pod.yaml all.yaml
printf 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {containers: [{image: nginx}]}}}\n' \
  >deployment.yaml
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -days 2 -keyout key.pem \
  -out cert.pem 2>/dev/null
cat >bin/helm <<'END'
#!/bin/sh
# Prints what `helm template` would print for the whole chart or its ConfigMap.
case $* in
  *configmap*) printf 'apiVersion: v1\nkind: ConfigMap\ndata:\n  config.yaml: |\n    mirrors: {docker.io: p.io}\n' ;;
  *) cat deployment.yaml ;;
esac
END
printf '#!/bin/sh\ncat pod.yaml\n' >bin/kubectl
cat >bin/kpt <<'END'
#!/bin/sh
# Passes a ResourceList to the function after --exec, as kpt does.
[ "$1 $2 $4 $5" = "fn eval --exec pisw krm" ] || exit 64
[ "$6" != -- ] || [ "$7" = docker.io=proxy.example.com ] || exit 64
{
  echo 'apiVersion: config.kubernetes.io/v1'
  echo 'kind: ResourceList'
  echo 'functionConfig:'
  sed 's/^/  /' pisw.yaml
  echo 'items:'
  sed '1s/^/- /; 2,$s/^/  /' deployment.yaml
} | $5
END
chmod +x bin/helm bin/kubectl bin/kpt

# runs EXAMPLE: the example succeeds in a shell. With --check, it finds changes.
runs() {
  local expected=0 status
  case $1 in *--check*) expected=1 ;; esac
  timeout 60 bash -o pipefail -c "$1" >out 2>err </dev/null
  status=$?
  cat out err
  [ "$status" -eq "$expected" ] && { [ -s out ] || [[ $1 = source* ]]; }
}

# serves EXAMPLE: the example starts a server, here on a free port, which SIGTERM ends with status 0.
serves() {
  local line=${1/127.0.0.1:8443/127.0.0.1:0} server status
  case $line in *--listen*) ;; *) line+=" --listen 127.0.0.1:0" ;; esac
  bash -c "exec $line --admin-listen off --drain-delay 0" >out 2>err </dev/null &
  server=$!
  started+=("$server")
  for ((i = 0; i < 200; i++)); do
    grep -q '"address":"127.0.0.1:' err && break
    sleep 0.05
  done
  kill "$server"
  wait "$server"
  status=$?
  cat err
  [ "$status" -eq 0 ] && grep -q '"address":"127.0.0.1:' err
}

# run_examples COMMAND...: checks each example in the command's help. An example may have several lines.
run_examples() {
  local line example=''
  while IFS= read -r line; do
    example+=${example:+$'\n'}${line#  }
    [[ $line = *\\ ]] && continue
    bash -n -c "$example" 2>/dev/null || continue
    case $example in
      pisw-serve*) check "example: ${example%%$'\n'*}" serves "$example" ;;
      *) check "example: ${example%%$'\n'*}" runs "$example" ;;
    esac
    example=''
  done < <("$@" --help | awk '/^[A-Z ]+:/ { on = /^(EXAMPLES|COMPLETION):/; next } on && NF')
  check "all examples of $* are complete" [ -z "$example" ]
}
unset REGISTRY_URL PROXY_URL PISW_CONFIG LOGLEVEL
for command in "${commands[@]}"; do
  # shellcheck disable=SC2086 # the words of a command
  run_examples $command
done
cd "$work" || exit 71
