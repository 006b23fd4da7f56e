// The entry point of the server: its sources, its errors, and `serve`.

import TLS

/// A configuration that cannot be used: the problems, one per line.
public struct LoadFailure: Error, Sendable {
  public let problems: [String]

  public init(problems: [String]) { self.problems = problems }
}

/// The files that a server reads at its start, and again when they change.
public struct ServerSources {
  public let tls: TLSFiles
  /// The path of the configuration file to watch; `nil` if there is none.
  public let configuration: String?
  public let loadHandler: () throws(LoadFailure) -> ReviewHandler

  public init(
    tls: TLSFiles, configuration: String?, loadHandler: @escaping () throws(LoadFailure) -> ReviewHandler
  ) {
    self.tls = tls
    self.configuration = configuration
    self.loadHandler = loadHandler
  }
}

/// Why a server did not start.
public enum StartError: Error {
  /// The configuration, certificate or key cannot be used: the problems, one per line.
  case configuration([String])
  case system(String)
}

/// Runs the server until SIGTERM or SIGINT, and then until it has drained. Open connections may finish their requests.
/// A second signal or `drainTimeout` closes them at once.
///
/// Call it once, in a process with a single thread: the server forks without exec.
///
/// - Throws: `StartError` if the server cannot start. Once started, it does not throw.
public func serve(_ settings: ServerSettings, _ sources: ServerSources) throws(StartError) {
  var listener = try Listener(settings, sources)
  listener.run()
}
