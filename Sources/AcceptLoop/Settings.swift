// What an operator can set about a server, with the defaults.

/// Where reviews run.
public enum Isolation: String, CaseIterable, Sendable {
  /// Each review in a process of its own.
  case request
  /// The reviews of a connection in the connection's process: faster, and a crash costs the connection.
  case connection
}

/// Whether the process of a review is confined by a seccomp filter.
public enum Sandbox: String, CaseIterable, Sendable {
  /// The server does not start where that is impossible.
  case require
  /// Where that is impossible, the log and a metric say so, and reviews run without.
  case prefer
  case off
}

/// A server's settings. Times are in milliseconds, sizes in bytes.
public struct ServerSettings: Sendable {
  public var version = ""
  public var listen = [Address.any(port: 8443)]
  /// The port for metrics and probes, without TLS; `nil` for none.
  public var admin: Address? = .any(port: 9090)
  public var isolation = Isolation.request
  public var sandbox = Sandbox.prefer
  public var maxConnections = 256
  public var handshakeTimeout = 5_000
  /// For the head of a request, again for its body, and again for taking the response.
  public var headerTimeout = 5_000
  /// The API server's client keeps idle connections for 90 seconds: who closes first loses a call.
  public var idleTimeout = 120_000
  public var reviewTimeout = 1_000
  /// What a review may use, its body included.
  public var reviewMemory = 64 << 20
  /// Reviews at a time.
  public var maxReviews = 4
  public var drainDelay = 5_000
  /// From the signal to the end; what has not finished by then is ended.
  public var drainTimeout = 25_000
  public var log = Log(format: .json, isDebug: false)

  /// A review may carry a pod twice, each as large as the API server takes it (3 MiB).
  let maxBody = 8 << 20
  /// Connections to the admin port.
  let maxAdminConnections = 16
  /// For a whole request on the admin port, and taking the response.
  let adminTimeout = 1_000
  /// For how long a connection to the admin port is left alone when others want its place: a probe is answered well within
  /// that, and clients that come again at once do not keep the listener busy with forking.
  let adminGrace = 50
  /// The longest that a webhook call may take (`timeoutSeconds`): nobody waits longer for a turn.
  let turnTimeout = 30_000
  /// Bodies of this size are read without asking: 16 MiB in all. Of larger ones `largeBodies` are held at a time, which
  /// makes another 16 MiB.
  var smallBody: Int { (16 << 20) / maxConnections }
  let largeBodies = 2
  /// A connection reviews the body of its last request itself if it is no larger: the answer must fit what the kernel
  /// takes at once, since a confined process cannot wait.
  let largestLastBody = 16 << 10
  /// How long a connection can be busy with one request before something is wrong with its process.
  var longestRequest: Int { handshakeTimeout + 3 * headerTimeout + 2 * turnTimeout + 2 * reviewTimeout + 5_000 }

  public init() {}
}
