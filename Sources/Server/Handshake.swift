// The beginning of a connection process: the TLS handshake, after which the process wipes the private key.

import CLinux
import Glibc
import HTTP1
import System
import TLS

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
