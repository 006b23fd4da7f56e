// Answers the requests of a connection, and has each review run where the settings say.

import CLinux
import Glibc
import HTTP1
import System
import Webhook

extension ConnectionProcess {
  mutating func answer(_ request: Request, isLast: Bool) -> Response {
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
  func respond(_ response: Response, to request: Request?, isClosing: Bool) -> Bool {
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
