// A request that the listener serves to itself: what Swift makes at the first use of a type, the processes forked
// afterwards find made.

import CPOSIX
import HTTP1
import TLS

/// Serves a review from memory to nowhere, counted and logged nowhere, and carries its outcome as from a process of its own.
func rehearse(_ handler: ReviewHandler, _ context: ConnectionContext, _ slot: SharedState.Slot) {
  var settings = context.settings
  settings.log = settings.log.to(context.nowhere)
  settings.isolation = .connection
  // No alarm for the listener.
  settings.reviewTimeout = 0
  let context = ConnectionContext(
    settings: settings, state: context.state, reviewTokens: context.reviewTokens, bodyTokens: context.bodyTokens,
    reports: context.nowhere, nowhere: context.nowhere, reviewLimits: context.reviewLimits,
    generation: context.generation, loadHandler: context.loadHandler)
  let peer = Address.any(port: 0)
  var process = ConnectionProcess(context, Rehearsal(handler.sample), slot, peer, handler)
  process.run()
  _ = ReviewOutcome(frame: handler.answer(handler.sample).frame, settings.log.format)
}

/// A connection of one request, whose response goes nowhere.
private final class Rehearsal: Stream {
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
