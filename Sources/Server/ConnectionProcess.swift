// The connection process: the child process that serves one webhook connection, from the TLS handshake to its close.

import CLinux
import Glibc
import HTTP1
import System
import TLS
import Webhook

/// Serves HTTP requests over one connection, in the connection's own process.
struct ConnectionProcess<Connection: Stream> {
  let context: ConnectionContext
  let stream: Connection
  let slot: SharedState.Slot
  let peer: Address
  var handler: ReviewHandler
  var labels: UInt32
  /// The number of the configuration behind `handler`. After a reload it is older than the listener's.
  private var generation: UInt64
  var parser: RequestParser
  /// Created for the first review that runs in its own process. Reused only while reviews are confined: an unconfined
  /// review could leave its pipes open in processes that it started.
  var runner: ReviewRunner?

  var settings: ServerSettings { context.settings }
  var log: Log { context.settings.log }

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
