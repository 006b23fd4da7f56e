// What the listener learns of its children: their reports, their ends, and the tokens that they leave behind.

import CLinux
import Glibc
import System

extension Listener {
  mutating func readReports() {
    // A write of at most PIPE_BUF bytes to a pipe is atomic, so records are never split.
    // The bound of 64 rounds keeps a child that floods the pipe from blocking the listener.
    hasManyReports = false
    for round in 0..<64 {
      guard let bytes = try? reports.reading.tryRead(atMost: Report.size * 256), !bytes.isEmpty else { return }
      hasManyReports = round >= 4
      for start in stride(from: 0, to: bytes.count, by: Report.size) {
        let report = Report(bytes[start..<min(start + Report.size, bytes.count)])
        counters.count(report)
        if case .reviewEnded(.signal(let signal)) = report, isCrash(signal) { recordCrash() }
      }
    }
  }

  /// Child processes share the address layout of their parent. Repeated crashes may be an attacker who guesses
  /// addresses, so they slow down accepting.
  private mutating func recordCrash() {
    let now = now
    recentCrashes.removeAll { $0 < now - 10_000 }
    recentCrashes.append(now)
    guard recentCrashes.count >= 10, now >= pausedUntil else { return }
    recentCrashes = []
    pausedUntil = max(pausedUntil, now + 1000)
    counters.acceptPauses += 1
    log.write(.warning, "ten reviews crashed within ten seconds: no connection is accepted for one second")
  }

  /// Handles all pending signals; returns whether to exit at once.
  mutating func readSignals() -> Bool {
    while true {
      switch posix_next_signal(signals) {
      case SIGTERM, SIGINT:
        if drainStart != nil {
          log.write(.warning, "ended by a second signal")
          killAllChildren()
          return true
        }
        drainStart = now
        state.isDraining = true
        log.write(.info, "draining")
      case SIGCHLD: reap()
      case SIGHUP:
        // SIGHUP reloads everything, so discard changes that were seen until now.
        _ = watches.tls.checkForChanges()
        _ = watches.configuration.checkForChanges()
        reload(isTLSChanged: true, isConfigurationChanged: true)
      case -1: return false
      default: break
      }
    }
  }

  private mutating func reap() {
    var exit: Int32 = 0
    while case let child = unsafe posix_reap(-1, 0, &exit), child > 0 {
      // Children without an entry are orphaned reviews: their connection process ended before them.
      guard let slot = children.removeValue(forKey: child) else { continue }
      if let slot {
        tokensMayBeLost = true
        state[slot: slot].clear()
        freeSlots.append(slot)
      } else {
        // An evicted admin child is no longer in the list; its end was counted when it was killed.
        guard let served = adminChildren.firstIndex(where: { $0.child == child }) else { continue }
        adminChildren.remove(at: served)
      }
      if exit < 0 {
        let process = slot == nil ? "admin" : "connection"
        counters.countProcessEnd(of: process, reason: signalName(-exit))
        var fields = log.fields
        fields.add("process", process)
        fields.add("signal", signalName(-exit))
        log.write(.warning, "process ended by a signal", fields)
        if slot != nil, isCrash(-exit) { recordCrash() }
      }
    }
  }

  /// Counts the tokens after a connection process ended, and every second: any process that can read the pipe could
  /// take tokens without recording it.
  mutating func restoreLostTokens() {
    let isDue = now >= lastTokenCount + 1000
    guard tokensMayBeLost || isDue else { return }
    let holders = TokenHolders(children.values.compactMap(\.self), last: oddSequences)
    for tokens in [reviewTokens, bodyTokens] { counters.restoredTokens += tokens.restore(state, holders) }
    tokensMayBeLost = false
    if isDue {
      lastTokenCount = now
      oddSequences = holders.oddSequences(state)
    }
  }
}
