// The connection process: the child process that serves one webhook connection, from the TLS handshake to its close.

import CLinux
import Glibc
import HTTP1
import System
import TLS
import Webhook

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

/// Serves HTTP requests over one connection, in the connection's own process.
struct ConnectionProcess<Connection: Stream> {
  let context: ConnectionContext
  let stream: Connection
  let slot: SharedState.Slot
  let peer: Address
  private var handler: ReviewHandler
  private var labels: UInt32
  /// The number of the configuration behind `handler`. After a reload it is older than the listener's.
  private var generation: UInt64
  private var parser: RequestParser
  /// Created for the first review that runs in its own process. Reused only while reviews are confined: an unconfined
  /// review could leave its pipes open in processes that it started.
  private var runner: ReviewRunner?

  private var settings: ServerSettings { context.settings }
  private var log: Log { context.settings.log }

  init(
    _ context: ConnectionContext, _ stream: Connection, _ slot: SharedState.Slot, _ peer: Address,
    _ handler: ReviewHandler
  ) {
    self.context = context
    self.stream = stream
    self.slot = slot
    self.peer = peer
    self.handler = handler
    labels = handler.labels.fingerprint
    generation = context.generation
    parser = RequestParser(limits: RequestLimits(body: context.settings.maxBody))
  }

  /// Serves requests until the connection closes.
  mutating func run() {
    // However the connection ends, its tokens are for others.
    defer {
      context.reviewTokens.putBack(slot)
      context.bodyTokens.putBack(slot)
    }
    while true {
      // Only here are all buffers of a large body freed, so the heap can be trimmed and the token returned.
      if slot.holds(.largeBody) {
        posix_trim_heap()
        context.bodyTokens.putBack(slot)
      }
      slot.enter(.idle)
      switch receive() {
      case .closed: return
      case .failed(let error):
        context.bodyTokens.putBack(slot)
        respond(Response(error), to: nil, isClosing: true)
        stream.linger(before: .after(milliseconds: settings.headerTimeout))
        return
      case .request(let request):
        let isCurrent = adoptCurrentConfiguration()
        let mustClose =
          !request.keepsAlive || !request.isHTTP11 || !isCurrent || context.state.isDraining || slot.isAskedToClose
        let response = answer(request, isLast: !request.keepsAlive && !parser.hasMore)
        guard respond(response, to: request, isClosing: mustClose) else { return }
        if mustClose {
          if parser.hasMore { stream.linger(before: .after(milliseconds: settings.headerTimeout)) }
          return
        }
        parser.startNext()
      }
    }
  }

  /// Switches to the configuration in force if it was reloaded; `false` if loading it fails. The connection then closes
  /// after this response, and the client's next connection gets the new configuration.
  private mutating func adoptCurrentConfiguration() -> Bool {
    let current = context.state.generation
    if current == generation { return true }
    guard let handler = try? context.loadHandler() else { return false }
    self.handler = handler
    labels = handler.labels.fingerprint
    generation = current
    return true
  }
}

// Receiving requests.
extension ConnectionProcess {
  private enum Arrival {
    case request(Request)
    case failed(RequestError)
    /// The connection closed between two requests.
    case closed
  }

  private mutating func receive() -> Arrival {
    do throws(RequestError) {
      return try receiveRequest()
    } catch {
      return .failed(error)
    }
  }

  private mutating func receiveRequest() throws(RequestError) -> Arrival {
    var deadline = Deadline.after(milliseconds: settings.idleTimeout)
    var hasHead = false
    var hasToken = false
    // Bytes that arrived with the previous request may be the start of this one, or all of it.
    var bytes: [UInt8] = []
    var hasBytesToParse = parser.hasMore
    var isPending = stream.hasPending
    while true {
      if hasBytesToParse {
        if slot.phase == .idle {
          slot.enter(.busy)
          deadline = .after(milliseconds: settings.headerTimeout)
        }
        // Moved out of `bytes`, so that the parser takes over the buffer without a copy.
        let arrived = bytes
        bytes = []
        if try parser.feed(arrived) { return .request(parser.request) }
        if parser.hasHead {
          if parser.bodyBytes > settings.smallBodyLimit, !hasToken {
            try takeToken(context.bodyTokens)
            hasToken = true
            deadline = .after(milliseconds: settings.headerTimeout)
          }
          if !hasHead {
            hasHead = true
            deadline = .after(milliseconds: settings.headerTimeout)
            if parser.awaitsContinue, !stream.writeAll(Response.continueLine, before: deadline) { return .closed }
          }
        }
      }
      hasBytesToParse = false
      if !isPending {
        switch wait(for: stream.socket, POLLIN, before: deadline, interruptible: parser.isUntouched) {
        case .ready: break
        case .timeout:
          if parser.isUntouched { return closeConnection() }
          throw RequestError(.requestTimeout, "the request \(hasHead ? "body" : "head") did not arrive in time")
        case .interrupted:
          // If a request has already arrived, serve it before closing.
          guard slot.isAskedToClose || context.state.isClosing,
            wait(for: stream.socket, POLLIN, before: .after(milliseconds: 0)) != .ready
          else { continue }
          return closeConnection()
        }
      }
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
        guard wait(for: stream.socket, POLLOUT, before: deadline) == .ready else { return .closed }
        continue
      case .failed: return .closed
      }
      if bytes.isEmpty {
        if parser.isUntouched { return closeConnection() }
        throw RequestError(.badRequest, "the connection closed before the request was complete")
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
  private func takeToken(_ tokens: TokenPipe) throws(RequestError) {
    guard tokens.take(slot, before: .after(milliseconds: settings.tokenTimeout)) else {
      throw RequestError(.serviceUnavailable, "too many concurrent requests")
    }
  }
}

// Answering requests.
extension ConnectionProcess {
  private mutating func answer(_ request: Request, isLast: Bool) -> Response {
    do throws(RequestError) {
      switch try WebhookRoute(request) {
      case .review: return try review(request.body, isLast: isLast)
      case .probe(.health): return .probeSucceeded
      case .probe(.readiness):
        if context.state.isDraining { throw RequestError(.serviceUnavailable, "shutting down") }
        return .probeSucceeded
      }
    } catch {
      return Response(error)
    }
  }

  private mutating func review(_ body: [UInt8], isLast: Bool) throws(RequestError) -> Response {
    let completion: ReviewRunner.Completion
    let start: Int
    switch settings.isolation {
    case .request:
      try takeToken(context.reviewTokens)
      start = monotonicNow()
      if isLast, context.reviewLimits.isConfined, body.count <= settings.maxLastBody { answerLastReview(body) }
      completion = runInProcess(body)
      context.reviewTokens.putBack(slot)
    case .connection:
      start = monotonicNow()
      _ = posix_set_timer(Int32(settings.reviewTimeout))
      completion = .answered(handler.answer(body))
      _ = posix_set_timer(0)
    }
    let microseconds = (monotonicNow() - start) / 1000
    var fields: LogFields
    let response: Response
    switch consume completion {
    case .answered(var outcome):
      context.report(.review(outcome.result, microseconds: microseconds, images: outcome.images, labels: labels))
      outcome.fields.add("duration", microseconds: microseconds)
      log.write(outcome.level, outcome.message, outcome.fields)
      return outcome.response
    case .failed(let fault, let errorOutput):
      context.report(.reviewEnded(fault))
      fields = log.fields
      fields.add("reason", fault.description)
      if !errorOutput.isEmpty { fields.add("detail", errorOutput) }
      response = Response(RequestError(.internalServerError, "the review failed: " + fault.description))
    case .notStarted(let error):
      fields = log.fields
      fields.add("reason", "cannot start a process for the review: " + error.description)
      response = Response(RequestError(.serviceUnavailable, "cannot start a process for the review"))
    }
    context.report(.review(.failed, microseconds: microseconds, images: [], labels: labels))
    fields.add("duration", microseconds: microseconds)
    log.write(.error, "review failed", fields)
    return response
  }

  private mutating func runInProcess(_ body: [UInt8]) -> ReviewRunner.Completion {
    do throws(SystemError) {
      let runner = if let runner { runner } else { try ReviewRunner(context.reviewLimits, format: log.format) }
      let completion = runner.run(body, context.reviewLimits, handler.answer)
      if context.reviewLimits.isConfined { self.runner = runner } else { runner.close() }
      return completion
    } catch {
      return .notStarted(error)
    }
  }

  /// Answers the last review of a connection in the connection process itself, and exits: no other request can follow,
  /// so no fork is needed to isolate this one.
  ///
  /// The seccomp filter then allows only read, write and exit. Everything that needs other system calls is done first.
  private func answerLastReview(_ body: [UInt8]) -> Never {
    let time = LogTime.now
    let stopwatch = posix_start_stopwatch()
    posix_make_blocking(stream.socket)
    posix_cork(stream.socket)
    // The Swift runtime prints crash reports to standard error; they must not appear between the lines of the log.
    if log.hasOwnDescriptor { dup2(context.devNull, 2) }
    guard context.reviewLimits.apply(usedCPUSeconds: posix_cpu_seconds()), log.limitFileSizes(),
      posix_confine_review() == 0
    else {
      _exit(1)
    }

    let outcome = handler.answer(body)
    context.reviewTokens.putBack(slot)
    let microseconds = Int(truncatingIfNeeded: posix_read_stopwatch(stopwatch))
    let report = Report.review(outcome.result, microseconds: microseconds, images: outcome.images, labels: labels)
    writeOnce(report.bytes, to: context.reports)
    if outcome.status != .ok { writeOnce(Report.refused(status: outcome.status.rawValue).bytes, to: context.reports) }
    let response = outcome.response.http1(closing: true, withBody: true)
    var position = 0
    while position < response.count, case (.done, let count) = stream.write(response, from: position) {
      position += count
    }
    stream.sendClose()
    var fields = outcome.fields
    fields.add("duration", microseconds: microseconds)
    log.writeOnce(log.line(outcome.level, outcome.message, fields, at: time))
    _exit(0)
  }

  /// Sends a response; returns whether the client took all of it.
  ///
  /// - Parameter request: the request that is answered; `nil` if it could not be parsed.
  @discardableResult
  private func respond(_ response: Response, to request: Request?, isClosing: Bool) -> Bool {
    if response.status != .ok { reportRefusal(response, request) }
    if isClosing { posix_cork(stream.socket) }
    let bytes = response.http1(closing: isClosing, withBody: request?.method != "HEAD")
    let isWritten = stream.writeAll(bytes, before: .after(milliseconds: settings.headerTimeout))
    if isClosing { stream.sendClose() }
    return isWritten
  }

  private func reportRefusal(_ response: Response, _ request: Request?) {
    context.report(.refused(status: response.status.rawValue))
    // A failed review has its own log line, and 503 to probes is expected while draining.
    if request?.path == "/mutate" && request?.method == "POST" || response.status == .serviceUnavailable { return }
    var fields = log.fields
    fields.add("status", response.status.rawValue)
    fields.add("peer", peer.description)
    fields.add("reason", String(decoding: response.body.dropFirst(10).dropLast(3), as: UTF8.self))
    log.write(.info, "request refused", fields)
  }
}

extension ReviewFault {
  var description: String {
    switch self {
    case .signal(SIGSYS):
      "its process was killed by SIGSYS: it needed more memory than a review may use, or made a forbidden system call"
    case .signal(let signal): "its process was killed by " + signalName(signal)
    case .deadline: "it took too long"
    case .noAnswer: "its process exited without an answer"
    }
  }
}

/// Serves one TLS connection. Runs in the child process that was forked for it.
func serveWebhook(
  _ context: ConnectionContext, _ socket: Int32, _ slot: SharedState.Slot, _ peer: Address, _ identity: TLSIdentity,
  _ handler: ReviewHandler
) {
  secret_abandon_free_blocks()
  guard let connection = TLSConnection(identity, socket: socket) else {
    context.report(.handshakeFailed(.other))
    return context.settings.log.write(.error, "not enough memory for a TLS connection")
  }
  let failure = negotiate(connection, slot, before: .after(milliseconds: context.settings.handshakeTimeout))
  connection.wipeKey()
  if let failure {
    context.report(.handshakeFailed(failure))
    var fields = context.settings.log.fields
    fields.add("reason", failure.rawValue)
    fields.add("peer", peer.description)
    context.settings.log.write(.info, "TLS handshake failed", fields)
    if failure == .plainHTTP {
      let plain = PlainConnection(socket: socket)
      let error = RequestError(.badRequest, "HTTP without TLS; expected https://")
      _ = plain.writeAll(Response(error).http1(closing: true, withBody: true), before: .after(seconds: 1))
      plain.linger(before: .after(seconds: 1))
    }
    return
  }
  connection.excludeFromForks()
  var process = ConnectionProcess(context, connection, slot, peer, handler)
  process.run()
}

private func negotiate(_ connection: TLSConnection, _ slot: SharedState.Slot, before deadline: Deadline) -> TLSFailure?
{
  while true {
    let waited: WaitResult
    switch connection.handshake() {
    case .done: return nil
    case .wantsRead: waited = wait(for: connection.socket, POLLIN, before: deadline, interruptible: true)
    case .wantsWrite: waited = wait(for: connection.socket, POLLOUT, before: deadline)
    case .failed(let failure): return failure
    }
    if waited == .timeout || (waited == .interrupted && slot.isAskedToClose) { return .timeout }
  }
}
