// The settings of a server, with their defaults.

/// Which process runs a review.
public enum Isolation: String, CaseIterable, Sendable {
  /// Each review runs in a child process of its own.
  case request
  /// Reviews run in the connection process. That is faster, but a crash closes the connection.
  case connection
}

/// Whether a seccomp filter confines the review processes.
public enum Sandbox: String, CaseIterable, Sendable {
  /// If a filter cannot be installed, the server does not start.
  case require
  /// If a filter cannot be installed, reviews run without one, and the log and a metric say so.
  case prefer
  case off
}

/// A server's settings. Times are in milliseconds, sizes in bytes.
public struct ServerSettings: Sendable {
  public var version = ""
  public var listen = [Address.any(port: 8443)]
  /// The address for metrics and probes, without TLS; `nil` for none.
  public var admin: Address? = .any(port: 9090)
  public var isolation = Isolation.request
  public var sandbox = Sandbox.prefer
  public var maxConnections = 256
  public var handshakeTimeout = 5_000
  /// The time for a request's head, again for its body, and again for sending the response.
  public var headerTimeout = 5_000
  /// Must exceed the API server's 90 s for idle connections: the side that closes first can lose a request in flight.
  public var idleTimeout = 120_000
  public var reviewTimeout = 1_000
  /// The memory of a review, its body included.
  public var reviewMemory = 64 << 20
  /// How many reviews may run at the same time.
  public var maxReviews = 4
  public var drainDelay = 5_000
  /// The time from SIGTERM to the end. Connections that are still open then are closed.
  public var drainTimeout = 25_000
  public var log = Log(format: .json, isDebug: false)

  /// A review may contain a pod twice (`object` and `oldObject`), and the API server accepts objects of up to 3 MiB.
  let maxBody = 8 << 20
  /// How many connections to the admin port may be open.
  let maxAdminConnections = 16
  /// The time for a whole request on the admin port, and for sending the response.
  let adminTimeout = 1_000
  /// How long a connection to the admin port is safe from eviction. A probe is answered well within that time, and
  /// clients that reconnect at once cannot keep the listener busy with forking.
  let adminGrace = 50
  /// The longest `timeoutSeconds` of a webhook: after that, no client waits for the answer any more.
  let tokenTimeout = 30_000
  /// Bodies up to this size need no token; all connections together then hold at most 16 MiB. Larger bodies need one of
  /// `maxLargeBodies` tokens, which adds another 16 MiB.
  var smallBodyLimit: Int { (16 << 20) / maxConnections }
  let maxLargeBodies = 2
  /// The largest body that a connection process reviews itself as its last one. The response must fit into the socket's
  /// send buffer, because a confined process cannot wait for the client.
  let maxLastBody = 16 << 10
  /// The longest time that a connection can be busy with one request. After that, its process must be stuck.
  var maxRequestDuration: Int { handshakeTimeout + 3 * headerTimeout + 2 * tokenTimeout + 2 * reviewTimeout + 5_000 }

  public init() {}
}
