// The usage and help texts of pisw-mutate.

let synopsis =
  "usage: pisw-mutate [--config FILE] [--mirror UPSTREAM=TARGET]... [--http] [--explain] [--max-bytes N] [FILE]; "
  + "see --help"

let help = """
  USAGE: pisw-mutate [OPTION]... [FILE]

  Point the images of a Kubernetes pod at a pull-through proxy registry: read one
  AdmissionReview (JSON, admission.k8s.io/v1 or v1beta1), and write the
  AdmissionReview that answers it.

  EXAMPLES:
    pisw-mutate --mirror docker.io=proxy.example.com review.json
    pisw-mutate --config config.yaml --explain < review.json
    echo review.json | pisw-mutate --config config.yaml

  ARGUMENTS:
    FILE                      The review (default: standard input, which
                              contains the review or the name of its file).

  OPTIONS:
    --config FILE             The configuration file (YAML).
    --mirror UPSTREAM=TARGET  Pull images under UPSTREAM from TARGET
                              (repeatable). Both are host[:port][/path];
                              UPSTREAM may be * for every other registry.
    --http                    Serve one HTTP/1.1 request on standard input and
                              output, for socat, inetd, systemd sockets and
                              stunnel: POST /mutate, GET /healthz, /readyz,
                              /livez.
    --explain                 Print the decision about each image on standard
                              error: place, image, normalised name, decision,
                              rule and result, separated by tabs.
    --max-bytes N             Refuse a review of more than N bytes (default:
                              8388608).
    --version                 Show the version.
    -h, --help                Show help information.

  The configuration comes from --config, else from the file that PISW_CONFIG
  names, else from /etc/pisw/config.yaml if it exists; then from REGISTRY_URL or
  PROXY_URL; then from --mirror. A web server may run pisw-mutate as a CGI
  program. It then serves the same requests as with --http, and takes no
  options.

  ENVIRONMENT:
    PISW_CONFIG               the configuration file
    REGISTRY_URL, PROXY_URL   the target for docker.io; must agree if both are set
    LOGLEVEL=DEBUG            the same as --explain

  EXIT STATUS:
    0   answered; with --http or CGI also if the response is an error
    64  wrong options
    65  not a valid review
    66  no such input file
    71  reading or writing failed
    78  the configuration is wrong or missing
  """ + "\n"
