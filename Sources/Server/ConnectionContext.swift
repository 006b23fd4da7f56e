// What the listener hands to the connection processes.

import System

/// What a connection process inherits from the listener.
final class ConnectionContext {
  let settings: ServerSettings
  let state: SharedState
  let reviewTokens: TokenPipe
  let bodyTokens: TokenPipe
  let reports: Int32
  /// A file descriptor of /dev/null, open for reading and writing.
  let devNull: Int32
  let reviewLimits: ReviewLimits
  /// The number of the configuration that was in force at the fork.
  let generation: UInt64
  let loadHandler: () throws(LoadFailure) -> ReviewHandler

  init(
    settings: ServerSettings, state: SharedState, reviewTokens: TokenPipe, bodyTokens: TokenPipe, reports: Int32,
    devNull: Int32, reviewLimits: ReviewLimits, generation: UInt64,
    loadHandler: @escaping () throws(LoadFailure) -> ReviewHandler
  ) {
    self.settings = settings
    self.state = state
    self.reviewTokens = reviewTokens
    self.bodyTokens = bodyTokens
    self.reports = reports
    self.devNull = devNull
    self.reviewLimits = reviewLimits
    self.generation = generation
    self.loadHandler = loadHandler
  }

  func report(_ report: Report) {
    writeInTime(report.bytes, to: reports, patience: 300)
  }
}
