// What a program says to have a server: settings, sources, and `serve`.

import TLS

/// A configuration that cannot be used: what is wrong, a line each.
public struct LoadFailure: Error, Sendable {
  public let problems: [String]

  public init(problems: [String]) { self.problems = problems }
}

/// What a server reads at its start, and again when the files change.
public struct ServerSources {
  public let tls: TLSFiles
  /// The configuration's file, if there is one.
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
  /// Configuration, certificate or key cannot be used: what is wrong, a line each.
  case configuration([String])
  case system(String)
}

/// Serves until SIGTERM or SIGINT, and what follows is over: the connections come to their end, or a second signal or the
/// time for draining cuts them off.
///
/// To be called once, in a process with one thread: everything is done by fork(2).
///
/// - Throws: `StartError` before the first connection; a server that has started goes on.
public func serve(_ settings: ServerSettings, _ sources: ServerSources) throws(StartError) {
  var listener = try Listener(settings, sources)
  listener.run()
}
