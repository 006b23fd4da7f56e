// Rehearsals: the listener serves a sample review to itself. Swift creates metadata at the first use of a type; the
// child processes inherit it instead of creating it again.

import CLinux
import Glibc
import HTTP1
import System
import TLS

/// Serves the sample review in this process, with its response, log and reports sent to /dev/null, and round-trips its
/// outcome through a frame.
func rehearse(_ handler: ReviewHandler, _ context: ConnectionContext, _ slot: SharedState.Slot) {
  var settings = context.settings
  settings.log = settings.log.writing(to: context.devNull)
  settings.isolation = .connection
  // No SIGALRM in the listener.
  settings.reviewTimeout = 0
  let context = ConnectionContext(
    settings: settings, state: context.state, reviewTokens: context.reviewTokens, bodyTokens: context.bodyTokens,
    reports: context.devNull, devNull: context.devNull, reviewLimits: context.reviewLimits,
    generation: context.generation, loadHandler: context.loadHandler)
  let peer = Address.any(port: 0)
  var process = ConnectionProcess(context, RehearsalStream(handler.sample), slot, peer, handler)
  process.run()
  _ = ReviewOutcome(frame: handler.answer(handler.sample).frame, settings.log.format)
}

/// Answers the sample in a confined process, as a real review: below a process that stands for its connection. Returns
/// why that failed, or `nil`.
///
/// A C library or kernel that needs other system calls is detected here, instead of by failing every review.
func rehearseConfined(_ handler: ReviewHandler, addressSpace: Int, format: LogFormat) -> String? {
  guard let reason = try? Pipe() else { return "cannot create a pipe: " + SystemError.last.description }
  defer { reason.close() }
  let child = fork()
  if child == 0 {
    // A long timeout: the machine may be busy, and only confinement is tested here.
    let limits = ReviewLimits(addressSpace: addressSpace, timeout: 10_000, isConfined: true)
    let fault = confinedFault(handler, limits, format)
    writeOnce(Array((fault ?? "").utf8), to: reason.writing.number)
    _exit(fault == nil ? 0 : 1)
  }
  var exit: Int32 = 0
  guard child > 0 else { return "cannot start a process: " + SystemError.last.description }
  guard unsafe posix_reap(child, 1, &exit) == child else {
    return "cannot wait for it: " + SystemError.last.description
  }
  if exit == 0 { return nil }
  let text = (try? reason.reading.tryRead(atMost: 4096)) ?? []
  return text.isEmpty ? "the rehearsal exited with " + String(exit) : String(decoding: text, as: UTF8.self)
}

private func confinedFault(_ handler: ReviewHandler, _ limits: ReviewLimits, _ format: LogFormat) -> String? {
  do throws(SystemError) {
    switch try ReviewRunner(limits, format: format).run(handler.sample, limits, handler.answer) {
    case .answered: return nil
    case .failed(let fault, let errorOutput): return errorOutput.isEmpty ? fault.description : errorOutput
    case .notStarted(let error): return error.description
    }
  } catch {
    return error.description
  }
}

/// A stream with one request, which discards the response.
private final class RehearsalStream: Stream {
  let socket: Int32 = -1
  private(set) var hasPending = true
  private let request: [UInt8]

  init(_ body: [UInt8]) {
    let head =
      "POST /mutate?timeout=1s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n"
      + "Accept: application/json, */*\r\nContent-Length: \(body.count)\r\n\r\n"
    request = Array(head.utf8) + body
  }

  func read() -> (TLSStep, [UInt8]) {
    hasPending = false
    return (.done, request)
  }

  func write(_ bytes: [UInt8], from position: Int) -> (TLSStep, Int) { (.done, bytes.count - position) }

  func sendClose() {}
}
