// Accepts connections and forks a child for each: while it may, and with one evicted where no slot or no place is free.

import CLinux
import Glibc
import System
import TLS

extension Listener {
  mutating func accept(from socket: Int32) {
    isOutOfSlots = false
    while now >= pausedUntil {
      guard !freeSlots.isEmpty else {
        // Without a waiting client, there is nothing to evict for.
        guard pendingConnection != nil || wait(for: socket, POLLIN, before: .after(milliseconds: 0)) == .ready else {
          return
        }
        isOutOfSlots = true
        evictIdleConnection()
        return
      }
      if let pending = pendingConnection {
        pendingConnection = nil
        forkConnection(pending.socket, pending.peer)
        continue
      }
      var peer = sockaddr_storage()
      let connection = unsafe posix_accept(socket, &peer)
      if connection < 0 {
        if isShortage(errno) { pausedUntil = max(pausedUntil, now + logShortage("accept", .last)) }
        return
      }
      counters.connections += 1
      forkConnection(connection, Address(peer))
    }
  }

  private func isShortage(_ error: Int32) -> Bool { [EMFILE, ENFILE, ENOMEM, ENOBUFS].contains(error) }

  /// Evicts one connection when all slots are taken: the one that has been idle longest. If none is idle, one that has
  /// spent more than a second in its handshake or waiting for a token. The new connection waits in the backlog
  /// meanwhile.
  private mutating func evictIdleConnection() {
    pausedUntil = max(pausedUntil, now + 10)
    // Evict one connection at a time, and give it 50 ms to close.
    if now < lastEviction + 50 { return }
    var victim: (child: pid_t, since: Int, isIdle: Bool)?
    for (child, slot) in children {
      guard let slot else { continue }
      let entry = state[slot: slot]
      // A client that has just connected is about to send its first request.
      let isIdle = entry.phase == .idle && entry.phaseStart < now - 250
      let isStuck = (entry.phase == .handshake || entry.phase == .waiting) && entry.phaseStart < now - 1000
      guard isIdle || isStuck, !entry.isAskedToClose else { continue }
      if let other = victim, (other.isIdle && !isIdle) || (other.isIdle == isIdle && other.since <= entry.phaseStart) {
        continue
      }
      victim = (child, entry.phaseStart, isIdle)
    }
    if let victim, let slot = children[victim.child], let slot {
      state[slot: slot].askToClose()
      kill(victim.child, SIGUSR1)
      lastEviction = now
    }
  }

  /// Logs which call failed; returns the pause before the next attempt, in milliseconds.
  private func logShortage(_ call: String, _ error: SystemError) -> Int {
    log.write(.error, call + ": " + error.description + "; no connection is accepted for 100 ms")
    return 100
  }

  var context: ConnectionContext {
    ConnectionContext(
      settings: settings, state: state, reviewTokens: reviewTokens, bodyTokens: bodyTokens,
      reports: reports.writing.number, devNull: devNull,
      reviewLimits: ReviewLimits(
        addressSpace: addressSpace, timeout: settings.reviewTimeout, isConfined: confinesReviews),
      generation: generation,
      loadHandler: sources.loadHandler)
  }

  mutating func forkConnection(_ socket: Int32, _ peer: Address) {
    let slot = freeSlots.removeLast()
    let entry = state[slot: slot]
    entry.clear()
    entry.enter(.handshake)
    let context = context
    let child = forkChild(socket, slot: slot) { listener in
      listener.state.excludeFromForks()
      serveWebhook(context, socket, entry, peer, listener.identity, listener.handler)
    }
    if child == nil {
      pausedUntil = max(pausedUntil, now + logShortage("fork", .last))
      entry.clear()
      freeSlots.append(slot)
      pendingConnection = (socket, peer)
    }
  }

  mutating func acceptAdmin(from socket: Int32) {
    while makeRoomForAdminConnection() {
      var peer = sockaddr_storage()
      let connection = unsafe posix_accept(socket, &peer)
      if connection < 0 {
        if isShortage(errno) { adminPausedUntil = now + logShortage("accept", .last) }
        return
      }
      counters.adminConnections += 1
      counters.activeConnections = children.values.count { $0 != nil }
      counters.residentMemory = statmBytes(1)
      let child = forkChild(connection, slot: nil) { listener in
        let isDraining = listener.state.isDraining
        // The admin child parses input from anyone, so it must not have keys, tokens or the shared table.
        unmapTLS()
        listener.state.unmap()
        listener.reviewTokens.close()
        listener.bodyTokens.close()
        listener.reports.writing.close()
        serveAdmin(listener.settings, connection, isDraining: isDraining, listener.counters)
      }
      guard let child else {
        adminPausedUntil = now + logShortage("fork", .last)
        close(connection)
        return
      }
      adminChildren.append((child, now))
    }
  }

  /// Makes room for a connection to the admin port; returns whether there is any. At the limit, the oldest admin child
  /// is killed once its grace period is over: a client that holds its connection longer than a response takes must not
  /// block a probe.
  private mutating func makeRoomForAdminConnection() -> Bool {
    guard let oldest = adminChildren.first, adminChildren.count >= settings.maxAdminConnections else { return true }
    let graceEnd = oldest.since + settings.adminGrace
    guard now >= graceEnd else {
      adminPausedUntil = max(adminPausedUntil, graceEnd)
      return false
    }
    // Not reaped yet, so the process ID cannot belong to another process.
    kill(oldest.child, SIGKILL)
    adminChildren.removeFirst()
    counters.countProcessEnd(of: "admin", reason: "evicted")
    return true
  }

  /// Forks a child for a connection; `nil` if fork(2) fails. The socket then stays open.
  private mutating func forkChild(_ socket: Int32, slot: Int?, _ body: (Listener) -> Void) -> pid_t? {
    let parent = getpid()
    let child = fork()
    if child == 0 {
      if posix_die_with(parent) == 0 { _exit(1) }
      posix_release_signals()
      for descriptor in [signals, reports.reading.number] + webhookSockets + adminSockets { close(descriptor) }
      body(self)
      _exit(0)
    }
    guard child > 0 else { return nil }
    close(socket)
    children[child] = slot
    return child
  }
}
