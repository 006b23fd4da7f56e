// pisw-serve: the webhook's server. Reads the options and the configuration, and starts the accept loop.

import ArgumentParser
import CLinux
import Configuration
import Glibc
import Help
import Server
import System
import TLS
import Version

@main
struct PiswServe: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pisw-serve",
    abstract: "Serve the admission webhook over TLS: point the images of pods at a pull-through proxy registry.",
    usage: "pisw-serve [OPTION]... [FILE]",
    discussion: """
      EXAMPLES:
        pisw-serve --config config.yaml --tls-cert cert.pem --tls-key key.pem
        pisw-serve --listen 127.0.0.1:8443 --mirror docker.io=proxy.example.com \\
          --tls-cert cert.pem --tls-key key.pem

      Every connection gets a process of its own, and so does every review. pisw-serve reads the certificate, the \
      key, the client CA and the configuration again when their files change, and on SIGHUP. On SIGTERM or SIGINT it \
      drains: /readyz fails at once, and connections are served until the delay is over. A second signal ends the \
      server at once.

      The configuration comes from --config, else from the file that PISW_CONFIG names, else from \
      /etc/pisw/config.yaml if it exists; then from REGISTRY_URL or PROXY_URL; then from --mirror.

      ENVIRONMENT:
        PISW_CONFIG               the configuration file
        REGISTRY_URL, PROXY_URL   the target for docker.io; must agree if both are set
        LOGLEVEL=DEBUG            log every decision

      EXIT STATUS:
        0   ended by a signal
        64  wrong options
        71  a system call failed
        78  the configuration, the certificate or the key cannot be used
      """,
    version: versionLine(of: "pisw-serve"))

  @Argument(help: ArgumentHelp("The configuration file, like --config.", valueName: "FILE"))
  var file: String?

  @Option(help: ArgumentHelp("The configuration file (YAML).", valueName: "FILE"))
  var config: String?

  @Option(
    help: ArgumentHelp(
      "Pull images under UPSTREAM from TARGET (repeatable).",
      valueName: "UPSTREAM=TARGET"))
  var mirror: [String] = []

  @Option(
    help: ArgumentHelp(
      "Address and port of the webhook (repeatable; default: [::]:8443).",
      valueName: "ADDR:PORT"))
  var listen: [Address] = []

  @Option(help: ArgumentHelp("Address and port of metrics and probes without TLS, or off.", valueName: "ADDR:PORT"))
  var adminListen = AdminAddress.any

  @Option(
    help: ArgumentHelp(
      "The certificate, followed by its intermediate certificates (PEM; default: /etc/pisw/tls/cert.pem).",
      valueName: "FILE"))
  var tlsCert: String?

  @Option(
    help: ArgumentHelp(
      "The certificate's private key (PEM, not encrypted; default: /etc/pisw/tls/key.pem).",
      valueName: "FILE"))
  var tlsKey: String?

  @Option(
    help: ArgumentHelp(
      "Require client certificates signed by one of these authorities (PEM).",
      valueName: "FILE"))
  var clientCa: String?

  @Option(
    help: ArgumentHelp(
      "Run each review in its own process (request), or in its connection's (connection): faster, less isolated.",
      valueName: "KIND"))
  var isolation = Isolation.request

  @Option(
    help: ArgumentHelp(
      "Confine each review's process with seccomp: require (else refuse to start), prefer (else warn), or off.",
      valueName: "WHETHER"))
  var sandbox = Sandbox.prefer

  @Option(help: ArgumentHelp("The most connections at a time; further ones wait.", valueName: "N"))
  var maxConnections = 256

  @Option(help: ArgumentHelp("The time for the TLS handshake, in seconds.", valueName: "SECONDS"))
  var handshakeTimeout = Seconds(5_000)

  @Option(
    help: ArgumentHelp(
      "The time for the head of a request, for its body, and for sending the response, in seconds each.",
      valueName: "SECONDS"))
  var headerTimeout = Seconds(5_000)

  @Option(
    help: ArgumentHelp(
      "The time that a connection may be idle, in seconds; must exceed the API server's 90.",
      valueName: "SECONDS"))
  var idleTimeout = Seconds(120_000)

  @Option(help: ArgumentHelp("The time for a review, in seconds.", valueName: "SECONDS"))
  var reviewTimeout = Seconds(1_000)

  @Option(help: ArgumentHelp("The memory for a review, in MiB.", valueName: "MIB"))
  var reviewMemory = 64

  @Option(help: ArgumentHelp("The most reviews at a time; further ones wait.", valueName: "N"))
  var maxReviews = 4

  @Option(
    help: ArgumentHelp("How long new connections are still served after SIGTERM, in seconds.", valueName: "SECONDS"))
  var drainDelay = Seconds(5_000)

  @Option(
    help: ArgumentHelp("How long after SIGTERM unfinished connections are cut off, in seconds.", valueName: "SECONDS"))
  var drainTimeout = Seconds(25_000)

  @Option(
    help: ArgumentHelp(
      "Log lines as json or text (default: text on a terminal, else json).",
      valueName: "FORMAT"))
  var logFormat: LogFormat?

  static func main() { start() }

  func validate() throws {
    if file != nil, config != nil { throw ValidationError("give the configuration file once: FILE or --config") }
    if !(1...100_000).contains(maxConnections) { throw ValidationError("--max-connections must be from 1 to 100000") }
    if !(1...4096).contains(maxReviews) { throw ValidationError("--max-reviews must be from 1 to 4096") }
    if !(16...1024).contains(reviewMemory) { throw ValidationError("--review-memory must be from 16 to 1024") }
    for (name, seconds) in [
      ("handshake", handshakeTimeout), ("header", headerTimeout), ("idle", idleTimeout), ("review", reviewTimeout),
    ] where seconds.milliseconds == 0 {
      throw ValidationError("--\(name)-timeout must be more than 0")
    }
    if sandbox == .require, isolation == .connection {
      throw ValidationError(
        "--sandbox require needs --isolation request: only a review's own process can be confined")
    }
    if drainTimeout.milliseconds < drainDelay.milliseconds {
      throw ValidationError("--drain-timeout must be at least --drain-delay")
    }
  }

  func run() throws {
    posix_open_standard()
    let isDebug = environment("LOGLEVEL") == "DEBUG"
    let log = Log(format: logFormat ?? (isatty(2) == 1 ? .text : .json), isDebug: isDebug)
    var options = ConfigurationOptions()
    options.file = file ?? config
    options.mirrors = mirror
    let loaded: LoadedConfiguration
    do throws(ConfigurationFailure) {
      loaded = try loadConfiguration(options)
    } catch {
      throw logFailure(log, error.problems, .configuration)
    }
    let sources = ServerSources(
      tls: TLSFiles(
        certificate: tlsCert ?? loaded.server.certificatePath ?? "/etc/pisw/tls/cert.pem",
        key: tlsKey ?? loaded.server.keyPath ?? "/etc/pisw/tls/key.pem", clientCA: clientCa),
      configuration: loaded.file
    ) { () throws(LoadFailure) in
      do throws(ConfigurationFailure) {
        return reviewHandler(try loadConfiguration(options).policy, log)
      } catch {
        throw LoadFailure(problems: error.problems)
      }
    }
    do throws(StartError) {
      try serve(settings(log, port: loaded.server.port), sources)
    } catch {
      switch error {
      case .configuration(let problems): throw logFailure(log, problems, .configuration)
      case .system(let problem): throw logFailure(log, [problem], .operatingSystem)
      }
    }
  }

  private func logFailure(_ log: Log, _ problems: [String], _ status: ExitStatus) -> ExitCode {
    for problem in problems { log.write(.error, problem) }
    return ExitCode(status.rawValue)
  }

  private func settings(_ log: Log, port: UInt16?) -> ServerSettings {
    var settings = ServerSettings()
    settings.version = version
    settings.listen = listen.isEmpty ? [.any(port: port ?? 8443)] : listen
    settings.admin = adminListen.address
    settings.isolation = isolation
    settings.sandbox = sandbox
    settings.maxConnections = maxConnections
    settings.handshakeTimeout = handshakeTimeout.milliseconds
    settings.headerTimeout = headerTimeout.milliseconds
    settings.idleTimeout = idleTimeout.milliseconds
    settings.reviewTimeout = reviewTimeout.milliseconds
    settings.reviewMemory = reviewMemory << 20
    settings.maxReviews = maxReviews
    settings.drainDelay = drainDelay.milliseconds
    settings.drainTimeout = drainTimeout.milliseconds
    settings.log = log
    return settings
  }
}
