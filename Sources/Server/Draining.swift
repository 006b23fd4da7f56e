// Ends connections: those that are stuck, and while draining all of them.

import Glibc

extension Listener {
  /// Kills connection processes that have been busy with one request for longer than all timeouts together allow.
  func killStuckConnections() {
    for (child, slot) in children {
      guard let slot, case let entry = state[slot: slot], entry.phase == .busy || entry.phase == .handshake else {
        continue
      }
      if entry.phaseStart < now - settings.maxRequestDuration { kill(child, SIGKILL) }
    }
  }

  /// Continues draining, if it has begun; returns whether it is complete.
  mutating func continueDraining() -> Bool {
    guard let drainStart else { return false }
    if !webhookSockets.isEmpty, now >= drainStart + settings.drainDelay {
      // Serve the connections that are already in the backlog.
      for socket in webhookSockets { accept(from: socket) }
      for socket in webhookSockets + adminSockets { close(socket) }
      webhookSockets = []
      adminSockets = []
      state.isClosing = true
    }
    if webhookSockets.isEmpty {
      if let pending = pendingConnection, !freeSlots.isEmpty {
        pendingConnection = nil
        forkConnection(pending.socket, pending.peer)
      }
      if children.isEmpty, pendingConnection == nil {
        log.write(.info, "drained")
        return true
      }
      for child in children.keys { kill(child, SIGUSR1) }
    }
    if now >= drainStart + settings.drainTimeout {
      var fields = log.fields
      fields.add("connections", children.count)
      log.write(.warning, "not drained in time, connections are cut off", fields)
      killAllChildren()
      return true
    }
    return false
  }

  func killAllChildren() {
    for child in children.keys { kill(child, SIGKILL) }
  }
}
