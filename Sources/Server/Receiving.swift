// Receives the requests of a connection, each within its deadlines.

import Glibc
import HTTP1
import System
import TLS

extension ConnectionProcess {
  enum Arrival {
    case request(Request)
    case failed(RequestError)
    /// The connection closed between two requests.
    case closed
  }

  mutating func receive() -> Arrival {
    do throws(RequestError) {
      return try receiveRequest()
    } catch {
      return .failed(error)
    }
  }

  /// What has happened to a request while it arrives.
  private struct Progress {
    var deadline: Deadline
    var hasHead = false
    var hasToken = false
  }

  private mutating func receiveRequest() throws(RequestError) -> Arrival {
    var progress = Progress(deadline: .after(milliseconds: settings.idleTimeout))
    // Bytes that arrived with the previous request may be the start of this one, or all of it.
    var bytes: [UInt8] = []
    var hasBytesToParse = parser.hasMore
    var isPending = stream.hasPending
    while true {
      if hasBytesToParse, let arrival = try parse(&bytes, &progress) { return arrival }
      hasBytesToParse = false
      if !isPending, try !awaitBytes(progress) { return closeConnection() }
      let step: TLSStep
      (step, bytes) = stream.read()
      switch step {
      case .done:
        hasBytesToParse = !bytes.isEmpty
        isPending = stream.hasPending
      case .wantsRead:
        // OpenSSL holds only a part of a TLS record.
        isPending = false
        continue
      case .wantsWrite:
        guard wait(for: stream.socket, POLLOUT, before: progress.deadline) == .ready else { return .closed }
        continue
      case .failed: return .closed
      }
      if bytes.isEmpty {
        if parser.isUntouched { return closeConnection() }
        throw RequestError(.badRequest, "the connection closed before the request was complete")
      }
    }
  }

  /// Feeds bytes to the parser; `nil` if the request is not complete yet.
  private mutating func parse(
    _ bytes: inout [UInt8], _ progress: inout Progress
  ) throws(RequestError) -> Arrival? {
    if slot.phase == .idle {
      slot.enter(.busy)
      progress.deadline = .after(milliseconds: settings.headerTimeout)
    }
    // Moved out of `bytes`, so that the parser takes over the buffer without a copy.
    let arrived = bytes
    bytes = []
    if try parser.feed(arrived) { return .request(parser.request) }
    guard parser.hasHead else { return nil }
    if parser.bodyBytes > settings.smallBodyLimit, !progress.hasToken {
      try takeToken(context.bodyTokens)
      progress.hasToken = true
      progress.deadline = .after(milliseconds: settings.headerTimeout)
    }
    if !progress.hasHead {
      progress.hasHead = true
      progress.deadline = .after(milliseconds: settings.headerTimeout)
      if parser.awaitsContinue, !stream.writeAll(Response.continueLine, before: progress.deadline) { return .closed }
    }
    return nil
  }

  /// Waits for bytes to read; `false` if the connection is to close instead, between two requests.
  private func awaitBytes(_ progress: Progress) throws(RequestError) -> Bool {
    while true {
      switch wait(for: stream.socket, POLLIN, before: progress.deadline, interruptible: parser.isUntouched) {
      case .ready: return true
      case .timeout:
        if parser.isUntouched { return false }
        let part = progress.hasHead ? "body" : "head"
        throw RequestError(.requestTimeout, "the request \(part) did not arrive in time")
      case .interrupted:
        // If a request has already arrived, serve it before closing.
        if slot.isAskedToClose || context.state.isClosing,
          wait(for: stream.socket, POLLIN, before: .after(milliseconds: 0)) != .ready
        {
          return false
        }
      }
    }
  }

  private func closeConnection() -> Arrival {
    stream.sendClose()
    return .closed
  }

  /// Takes a token, unless the slot already holds one of that kind.
  ///
  /// - Throws: `RequestError` 503 if no token is free within `tokenTimeout`.
  func takeToken(_ tokens: TokenPipe) throws(RequestError) {
    guard tokens.take(slot, before: .after(milliseconds: settings.tokenTimeout)) else {
      throw RequestError(.serviceUnavailable, "too many concurrent requests")
    }
  }
}
