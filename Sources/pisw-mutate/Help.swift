// What pisw-mutate says of itself.

let synopsis =
  "usage: pisw-mutate [--config FILE] [--mirror UPSTREAM=TARGET]... [--http] [--explain] [--max-bytes N] [FILE]; "
  + "--help tells more"

let help = """
  pisw-mutate: point the images of a Kubernetes pod at a pull-through proxy registry

  usage: pisw-mutate [OPTION]... [FILE]

  Reads one AdmissionReview (JSON, admission.k8s.io/v1 or v1beta1) and writes the AdmissionReview that answers
  it, with a JSON patch that rewrites the pod's images. The review comes from FILE, from standard input, or from
  the file that standard input names in one line:

    pisw-mutate --mirror docker.io=proxy.example.com review.json
    pisw-mutate --mirror docker.io=proxy.example.com < review.json
    echo review.json | pisw-mutate --mirror docker.io=proxy.example.com

  options
    --config FILE             the configuration (YAML); else the file that PISW_CONFIG names, else
                              /etc/pisw/config.yaml if it exists
    --mirror UPSTREAM=TARGET  pull what lies under UPSTREAM from under TARGET; both are host[:port][/path], and
                              UPSTREAM may be * for every other registry; may be repeated
    --http                    serve one HTTP/1.1 request on standard input and output, for socat, inetd, systemd
                              sockets and stunnel: POST /mutate, GET /healthz, /readyz, /livez
    --explain                 tell on standard error what was decided about each image, and why: place, image,
                              normalised name, decision, rule, result, with tabs between
    --max-bytes N             refuse a review of more than N bytes (default 8388608)
    --version                 print the version
    -h, --help                print this

  A web server may run pisw-mutate as a CGI program: it then takes the same requests as with --http, and no options.

  environment
    PISW_CONFIG               the configuration file
    REGISTRY_URL, PROXY_URL   the mirror of docker.io; goes before the file, and --mirror before it
    LOGLEVEL=DEBUG            the same as --explain

  exit status
    0   answered; with --http or CGI whatever the response's status
    64  wrong options         66  no such input             78  the configuration is wrong or missing
    65  no valid review       71  reading or writing failed
  """ + "\n"
