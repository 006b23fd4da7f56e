// The process of one connection: the handshake, requests one after the other, and the end.

import CPOSIX
import Endpoints
import Glibc
import HTTP1
import POSIX
import TLS

/// What a connection's process has from the listener.
final class ConnectionContext {
  let settings: ServerSettings
  let state: SharedState
  let reviewTokens: TokenPipe
  let bodyTokens: TokenPipe
  let reports: Int32
  /// /dev/null.
  let nowhere: Int32
  let reviewLimits: ReviewLimits
  /// The configuration in force at the fork.
  let generation: UInt64
  let loadHandler: () throws(LoadFailure) -> ReviewHandler

  init(
    settings: ServerSettings, state: SharedState, reviewTokens: TokenPipe, bodyTokens: TokenPipe, reports: Int32,
    nowhere: Int32, reviewLimits: ReviewLimits, generation: UInt64,
    loadHandler: @escaping () throws(LoadFailure) -> ReviewHandler
  ) {
    self.settings = settings
    self.state = state
    self.reviewTokens = reviewTokens
    self.bodyTokens = bodyTokens
    self.reports = reports
    self.nowhere = nowhere
    self.reviewLimits = reviewLimits
    self.generation = generation
    self.loadHandler = loadHandler
  }

  func report(_ report: Report) {
    writeInTime(report.bytes, to: reports, patience: 300)
  }
}

/// Serves requests over one connection, in the process of its own.
struct ConnectionProcess<Connection: Stream> {
  let context: ConnectionContext
  let stream: Connection
  let slot: SharedState.Slot
  let peer: Address
  private var handler: ReviewHandler
  private var labels: UInt32
  /// The configuration that `handler` stands for; older than the listener's after a reload.
  private var generation: UInt64
  private var parser: RequestParser
  /// Made for the first review that gets a process, and kept while no review can leave its pipes to others.
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

  /// Serves until the connection ends.
  mutating func run() {
    while true {
      // Only now is nothing left of a large body that was served.
      if slot.holds(.largeBody) {
        posix_trim_heap()
        context.bodyTokens.putBack(slot)
      }
      slot.enter(.idle)
      switch receive() {
      case .ended: return
      case .failed(let error):
        context.bodyTokens.putBack(slot)
        respond(Response(error), to: nil, isClosing: true)
        stream.linger(before: .after(milliseconds: settings.headerTimeout))
        return
      case .request(let request):
        let isCurrent = refresh()
        let mustClose =
          !request.keepsAlive || !request.isHTTP11 || !isCurrent || context.state.isDraining || slot.givesWay
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

  /// Takes over a configuration that was loaded since; `false` when that fails: the next connection has it.
  private mutating func refresh() -> Bool {
    let current = context.state.generation
    if current == generation { return true }
    guard let handler = try? context.loadHandler() else { return false }
    self.handler = handler
    labels = handler.labels.fingerprint
    generation = current
    return true
  }
}

// Receiving.
extension ConnectionProcess {
  private enum Arrival {
    case request(Request)
    case failed(RequestError)
    /// The connection ends, without a request under way.
    case ended
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
    var hasTurn = false
    // What arrived with the last request may be a whole one, or the beginning of one.
    var bytes: [UInt8] = []
    var isFed = parser.hasMore
    var isPending = stream.hasPending
    while true {
      if isFed {
        if slot.phase == .idle {
          slot.enter(.busy)
          deadline = .after(milliseconds: settings.headerTimeout)
        }
        // Given away, so that the parser can keep the bytes where they are.
        let arrived = bytes
        bytes = []
        if try parser.feed(arrived) { return .request(parser.request) }
        if parser.hasHead {
          if parser.bodyBytes > settings.smallBody, !hasTurn {
            try takeTurn(context.bodyTokens)
            hasTurn = true
            deadline = .after(milliseconds: settings.headerTimeout)
          }
          if !hasHead {
            hasHead = true
            deadline = .after(milliseconds: settings.headerTimeout)
            if parser.awaitsContinue, !stream.writeAll(Response.continueLine, before: deadline) { return .ended }
          }
        }
      }
      isFed = false
      if !isPending {
        switch wait(for: stream.socket, POLLIN, before: deadline, interruptible: parser.isUntouched) {
        case .ready: break
        case .timeout:
          if parser.isUntouched { return end() }
          throw RequestError(.requestTimeout, "no whole \(hasHead ? "body" : "head") in time")
        case .interrupted:
          // A request that is already here is still served.
          guard slot.givesWay || context.state.isClosing,
            wait(for: stream.socket, POLLIN, before: .after(milliseconds: 0)) != .ready
          else { continue }
          return end()
        }
      }
      let step: TLSStep
      (step, bytes) = stream.read()
      switch step {
      case .done:
        isFed = !bytes.isEmpty
        isPending = stream.hasPending
      case .wantsRead:
        // What is pending is no whole record.
        isPending = false
        continue
      case .wantsWrite:
        guard wait(for: stream.socket, POLLOUT, before: deadline) == .ready else { return .ended }
        continue
      case .failed: return .ended
      }
      if bytes.isEmpty {
        if parser.isUntouched { return end() }
        throw RequestError(.badRequest, "the request ends before it is whole")
      }
    }
  }

  private func end() -> Arrival {
    stream.sendClose()
    return .ended
  }

  /// Waits for a token, if the slot holds none of that kind.
  private func takeTurn(_ tokens: TokenPipe) throws(RequestError) {
    guard tokens.take(slot, before: .after(milliseconds: settings.turnTimeout)) else {
      throw RequestError(.serviceUnavailable, "too many requests at once")
    }
  }
}

// Answering.
extension ConnectionProcess {
  private mutating func answer(_ request: Request, isLast: Bool) -> Response {
    do throws(RequestError) {
      switch try webhookEndpoint(of: request) {
      case .mutate: return try review(request.body, isLast: isLast)
      case .health, .metrics: return .well
      case .readiness:
        if context.state.isDraining { throw RequestError(.serviceUnavailable, "shutting down") }
        return .well
      }
    } catch {
      return Response(error)
    }
  }

  private mutating func review(_ body: [UInt8], isLast: Bool) throws(RequestError) -> Response {
    let ended: ReviewRunner.Ended
    let start: Int
    switch settings.isolation {
    case .request:
      try takeTurn(context.reviewTokens)
      start = monotonicNow()
      if isLast, context.reviewLimits.isConfined, body.count <= settings.largestLastBody { finish(body) }
      ended = runInProcess(body)
      context.reviewTokens.putBack(slot)
    case .connection:
      start = monotonicNow()
      _ = posix_set_timer(Int32(settings.reviewTimeout))
      ended = .answered(handler.answer(body))
      _ = posix_set_timer(0)
    }
    let microseconds = (monotonicNow() - start) / 1000
    var fields: LogFields
    let response: Response
    switch consume ended {
    case .answered(var outcome):
      context.report(.review(outcome.result, microseconds: microseconds, images: outcome.images, labels: labels))
      outcome.fields.add("duration", microseconds: microseconds)
      log.write(outcome.level, outcome.message, outcome.fields)
      return outcome.response
    case .failed(let fault, let lastWords):
      context.report(.reviewEnded(fault))
      fields = log.fields
      fields.add("reason", fault.description)
      if !lastWords.isEmpty { fields.add("detail", lastWords) }
      response = Response(RequestError(.internalServerError, "the review failed: " + fault.description))
    case .notStarted(let error):
      fields = log.fields
      fields.add("reason", "no process for it: " + error.description)
      response = Response(RequestError(.serviceUnavailable, "no process for the review"))
    }
    context.report(.review(.failed, microseconds: microseconds, images: [], labels: labels))
    fields.add("duration", microseconds: microseconds)
    log.write(.error, "review failed", fields)
    return response
  }

  private mutating func runInProcess(_ body: [UInt8]) -> ReviewRunner.Ended {
    do throws(SystemError) {
      let runner = if let runner { runner } else { try ReviewRunner(context.reviewLimits, format: log.format) }
      let ended = runner.run(body, context.reviewLimits, handler.answer)
      if context.reviewLimits.isConfined { self.runner = runner } else { runner.close() }
      return ended
    } catch {
      return .notStarted(error)
    }
  }

  /// Answers the last request of a connection, and ends: the process has nothing left to do, so it is the review's.
  /// Confined, it can read, write and end: everything else that is to be asked of the system comes before.
  private func finish(_ body: [UInt8]) -> Never {
    let time = LogTime.now
    let stopwatch = posix_start_stopwatch()
    posix_make_blocking(stream.socket)
    posix_cork(stream.socket)
    // What the runtime says of a crash is no line of the log.
    if log.leavesStandardError { dup2(context.nowhere, 2) }
    guard context.reviewLimits.enter(used: posix_cpu_seconds()), log.limitFiles(), posix_confine_review() == 0 else {
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

  /// - Parameter request: `nil` when it could not be read.
  @discardableResult
  private func respond(_ response: Response, to request: Request?, isClosing: Bool) -> Bool {
    if response.status != .ok { refuse(response, request) }
    if isClosing { posix_cork(stream.socket) }
    let bytes = response.http1(closing: isClosing, withBody: request?.method != "HEAD")
    let isWritten = stream.writeAll(bytes, before: .after(milliseconds: settings.headerTimeout))
    if isClosing { stream.sendClose() }
    return isWritten
  }

  private func refuse(_ response: Response, _ request: Request?) {
    context.report(.refused(status: response.status.rawValue))
    // A review that could not be answered has a line of its own, and probes while draining are no news.
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
      "its process was ended by SIGSYS: it needed more memory than a review has, or made another forbidden call"
    case .signal(let signal): "its process was ended by " + signalName(signal)
    case .deadline: "it took too long"
    case .noAnswer: "its process ended without an answer"
    }
  }
}

/// Serves one connection with TLS, in the process forked for it.
func serveWebhook(
  _ context: ConnectionContext, _ socket: Int32, _ slot: SharedState.Slot, _ peer: Address, _ identity: TLSIdentity,
  _ handler: ReviewHandler
) {
  secret_start_afresh()
  guard let connection = TLSConnection(identity, socket: socket) else {
    context.report(.handshakeFailed(.other))
    return context.settings.log.write(.error, "no memory for a connection")
  }
  let failure = negotiate(connection, slot, before: .after(milliseconds: context.settings.handshakeTimeout))
  connection.forgetKey()
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
  connection.keepFromChildren()
  var process = ConnectionProcess(context, connection, slot, peer, handler)
  process.run()
}

private func negotiate(_ connection: TLSConnection, _ slot: SharedState.Slot, before deadline: Deadline) -> TLSFailure?
{
  while true {
    let waited: Waited
    switch connection.handshake() {
    case .done: return nil
    case .wantsRead: waited = wait(for: connection.socket, POLLIN, before: deadline, interruptible: true)
    case .wantsWrite: waited = wait(for: connection.socket, POLLOUT, before: deadline)
    case .failed(let failure): return failure
    }
    if waited == .timeout || (waited == .interrupted && slot.givesWay) { return .timeout }
  }
}
