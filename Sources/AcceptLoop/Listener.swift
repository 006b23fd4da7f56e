// The listener: the parent process that accepts connections, forks a child for each, reaps children and counts. It
// never reads a byte that a client sent.

import CPOSIX
import Glibc
import POSIX
import TLS

struct Listener {
  let settings: ServerSettings
  let sources: ServerSources
  var identity: TLSIdentity
  var handler: ReviewHandler
  var watches: (tls: FileWatch, configuration: FileWatch)
  var lastReloadCheck = 0
  let state: SharedState
  let reviewTokens: TokenPipe
  let bodyTokens: TokenPipe
  let signals: Int32
  let reports: Pipe
  /// Whether the report pipe has room for the reports of 0.1 s. The listener then polls it instead of waking for each
  /// report, because a wakeup costs more than a review.
  let hasRoomForReports: Bool
  /// Whether so many reports arrived that the pipe could soon be full.
  var hasManyReports = false
  /// Whether a seccomp filter confines the review processes.
  var confinesReviews = false
  /// A file descriptor of /dev/null, open for reading and writing.
  let devNull: Int32
  var webhookSockets: [Int32] = []
  var adminSockets: [Int32] = []
  /// All live children and their slots. Those that serve the admin port have no slot.
  var children: [pid_t: Int?] = [:]
  var freeSlots: [Int]
  /// The children that serve the admin port, the oldest first.
  var adminChildren: [(child: pid_t, since: Int)] = []
  var counters: Counters
  /// Bytes that are mapped before any request, a review's memory reserve included.
  let addressSpace: Int
  /// The monotonic clock at the start of this round of the loop. Like all times here, in milliseconds.
  var now = monotonicNow() / 1_000_000
  /// When accepting on the webhook port may resume.
  var pausedUntil = 0
  var adminPausedUntil = 0
  /// A connection that was accepted, but for which fork(2) failed. It is retried first.
  var pendingConnection: (socket: Int32, peer: Address)?
  /// The number of the configuration in force. Each load increments it.
  var generation: UInt64 = 0
  /// Whether a connection waits in the backlog because no slot is free.
  var isOutOfSlots = false
  /// When a connection was last asked to close so that another gets its slot.
  var lastEviction = 0
  /// When reviews or connections crashed, within the last 10 seconds.
  var recentCrashes: [Int] = []
  /// When the tokens were last counted.
  var lastTokenCount = 0
  /// The slots that were in the middle of taking or returning a token then.
  var oddSequences: [Int: UInt64] = [:]
  /// Whether a connection process ended since then. It may have died with a token.
  var tokensMayBeLost = false
  /// When draining began; `nil` before.
  var drainStart: Int?

  var log: Log { settings.log }

  init(_ settings: ServerSettings, _ sources: ServerSources) throws(StartError) {
    self.settings = settings
    self.sources = sources
    let hasReserve = posix_keep_heap(UInt(settings.reviewMemory)) == 0
    posix_forget_startup()
    // Recorded before the files are read, so that a change during loading is noticed.
    watches = (
      FileWatch([sources.tls.certificate, sources.tls.key, sources.tls.clientCA ?? ""]),
      FileWatch([sources.configuration ?? ""])
    )
    do throws(LoadFailure) {
      handler = try sources.loadHandler()
    } catch {
      throw .configuration(error.problems)
    }
    guard startTLS() else { throw .system("cannot map OpenSSL's heap: it needs more than 64 MB of address space") }
    do throws(TLSFileError) {
      identity = try TLSIdentity(sources.tls)
    } catch {
      throw .configuration([error.description])
    }
    do throws(SystemError) {
      devNull = unsafe open("/dev/null", O_RDWR | O_CLOEXEC)
      if devNull < 0 { throw .last }
      signals = posix_take_signals()
      if signals < 0 { throw .last }
      state = try SharedState(slots: settings.maxConnections)
      reviewTokens = try TokenPipe(.review, count: settings.maxReviews)
      bodyTokens = try TokenPipe(.largeBody, count: settings.maxLargeBodies)
      reports = try Pipe(capacity: 1 << 20)
      hasRoomForReports = posix_pipe_capacity(reports.writing.number) >= 1 << 20
    } catch {
      throw .system(error.description)
    }
    freeSlots = Array((0..<settings.maxConnections).reversed())
    counters = Counters(version: settings.version, startTime: time(nil))
    addressSpace = statmBytes(0)
    applyIdentity()
    applyHandler()
    posix_forget_startup()
    // Hardening comes after that: after PR_SET_DUMPABLE=0 only root can read /proc/self/pagemap, which posix_forget_startup
    // needs.
    if posix_harden() != 0 { throw .system(SystemError.last.description) }
    try confineReviews(hasReserve: hasReserve)
    // Last, so that a client that can connect finds a server that is ready.
    webhookSockets = try settings.listen.map { address throws(StartError) in try listeningSocket(address, "webhook") }
    if let admin = settings.admin { adminSockets = [try listeningSocket(admin, "admin")] }
  }

  /// Serves until draining is complete.
  mutating func run() {
    while true {
      var entries = [pollfd(fd: signals, events: Int16(POLLIN), revents: 0)]
      if !hasRoomForReports { entries.append(pollfd(fd: reports.reading.number, events: Int16(POLLIN), revents: 0)) }
      let accepting = isAccepting ? webhookSockets : []
      let admin = now >= adminPausedUntil ? adminSockets : []
      for socket in accepting + admin { entries.append(pollfd(fd: socket, events: Int16(POLLIN), revents: 0)) }
      _ = unsafe posix_wait(&entries, UInt(entries.count), pollTimeout(), 0)
      now = monotonicNow() / 1_000_000

      let ready = entries.filter { $0.revents != 0 }.map(\.fd)
      // New connections only are the common case. Skipping the rest then saves system calls.
      if !ready.allSatisfy(accepting.contains) || ready.isEmpty {
        readReports()
        if ready.contains(signals), readSignals() { return }
        restoreLostTokens()
        killStuckConnections()
        if continueDraining() { return }
      }
      reloadIfChanged()
      for socket in accepting where ready.contains(socket) || isOutOfSlots || pendingConnection != nil {
        accept(from: socket)
      }
      for socket in admin where ready.contains(socket) { acceptAdmin(from: socket) }
    }
  }

  private var isAccepting: Bool { !webhookSockets.isEmpty && now >= pausedUntil }

  /// The timeout of the next poll, in milliseconds; -1 if nothing is due.
  private func pollTimeout() -> Int32 {
    if hasManyReports { return 10 }
    let paused = max(pausedUntil, adminPausedUntil) - now
    if paused > 0 { return Int32(min(paused, 100)) }
    if drainStart != nil || tokensMayBeLost { return 50 }
    return children.isEmpty ? -1 : 100
  }
}

// Starting.
extension Listener {
  private func listeningSocket(_ address: Address, _ name: String) throws(StartError) -> Int32 {
    // With TCP_DEFER_ACCEPT, a client that sends nothing stays in the kernel for as long as it could take for its
    // handshake here.
    let deferred = Int32(settings.handshakeTimeout / 1000)
    var socket = unsafe address.withSocketAddress { unsafe posix_listen($0, $1, deferred) }
    if socket < 0, errno == EAFNOSUPPORT, address.host == "::" {
      let onlyIPv4 = Address("0.0.0.0:" + String(address.port))
      socket = unsafe onlyIPv4?.withSocketAddress { unsafe posix_listen($0, $1, deferred) } ?? -1
    }
    if socket < 0 { throw .system("cannot listen on " + address.description + ": " + SystemError.last.description) }
    var own = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    _ = unsafe withUnsafeMutableBytes(of: &own) { bytes in
      unsafe getsockname(socket, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), &length)
    }
    var fields = log.fields
    fields.add("port", name)
    fields.add("address", Address(own).description)
    log.write(.info, "listening", fields)
    return socket
  }

  /// Determines whether reviews can be confined, by running one. Call after `posix_harden`: a process without
  /// CAP_SYS_ADMIN may install a filter only with PR_SET_NO_NEW_PRIVS.
  ///
  /// - Parameter hasReserve: whether the memory of a review is already mapped. A confined process cannot ask for more.
  /// - Throws: `StartError.system` if confinement fails and the settings require it.
  private mutating func confineReviews(hasReserve: Bool) throws(StartError) {
    guard settings.sandbox != .off, settings.isolation == .request else { return }
    let fault =
      hasReserve
      ? rehearseConfined(handler, addressSpace: addressSpace, format: log.format)
      : "cannot reserve a review's memory: the address space limit (RLIMIT_AS) is too low"
    if let fault {
      if settings.sandbox == .require { throw .system("reviews cannot be confined (seccomp): " + fault) }
      var fields = log.fields
      fields.add("reason", fault)
      log.write(
        .warning, "reviews are not confined (seccomp): their limits apply, but they may make any system call", fields)
      return
    }
    confinesReviews = true
    counters.confinesReviews = true
    posix_share_descriptors()
  }

  /// Puts the current certificate into force.
  private mutating func applyIdentity() {
    identity.warmUp()
    counters.certificateExpiry = identity.expiry
    if identity.expiry < time(nil) {
      log.write(.warning, sources.tls.certificate + ": the certificate has expired; clients will refuse it")
    }
  }

  /// Puts the current configuration into force.
  private mutating func applyHandler() {
    counters.register(handler.labels)
    generation += 1
    state.generation = generation
    if let slot = freeSlots.last {
      rehearse(handler, context, state[slot: slot])
      state[slot: slot].clear()
    }
  }
}

// Signals and reports.
extension Listener {
  private mutating func readReports() {
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
  private mutating func readSignals() -> Bool {
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
  private mutating func restoreLostTokens() {
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

// Reloading.
extension Listener {
  private mutating func reloadIfChanged() {
    guard now >= lastReloadCheck + 1000 else { return }
    lastReloadCheck = now
    let isTLSChanged = watches.tls.checkForChanges()
    let isConfigurationChanged = watches.configuration.checkForChanges()
    if isTLSChanged || isConfigurationChanged {
      reload(isTLSChanged: isTLSChanged, isConfigurationChanged: isConfigurationChanged)
    }
  }

  /// Reads the changed files again. If they are not valid, the previous certificate or configuration stays in force.
  private mutating func reload(isTLSChanged: Bool, isConfigurationChanged: Bool) {
    if isTLSChanged {
      do throws(TLSFileError) {
        identity = try TLSIdentity(sources.tls)
        applyIdentity()
        counters.countReload(of: "certificate", isSuccess: true)
        log.write(.info, "certificate reloaded")
      } catch {
        counters.countReload(of: "certificate", isSuccess: false)
        var fields = log.fields
        fields.add("reason", error.description)
        log.write(.error, "certificate not reloaded, the old one stays in force", fields)
      }
    }
    if isConfigurationChanged {
      do throws(LoadFailure) {
        handler = try sources.loadHandler()
        applyHandler()
        counters.countReload(of: "configuration", isSuccess: true)
        log.write(.info, "configuration reloaded")
      } catch {
        counters.countReload(of: "configuration", isSuccess: false)
        for problem in error.problems {
          var fields = log.fields
          fields.add("reason", problem)
          log.write(.error, "configuration not reloaded, the old one stays in force", fields)
        }
      }
    }
  }
}

// Accepting.
extension Listener {
  private mutating func accept(from socket: Int32) {
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

  private var context: ConnectionContext {
    ConnectionContext(
      settings: settings, state: state, reviewTokens: reviewTokens, bodyTokens: bodyTokens,
      reports: reports.writing.number, devNull: devNull,
      reviewLimits: ReviewLimits(
        addressSpace: addressSpace, timeout: settings.reviewTimeout, isConfined: confinesReviews),
      generation: generation,
      loadHandler: sources.loadHandler)
  }

  private mutating func forkConnection(_ socket: Int32, _ peer: Address) {
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

  private mutating func acceptAdmin(from socket: Int32) {
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

// Watching connections and draining.
extension Listener {
  /// Kills connection processes that have been busy with one request for longer than all timeouts together allow.
  private func killStuckConnections() {
    for (child, slot) in children {
      guard let slot, case let entry = state[slot: slot], entry.phase == .busy || entry.phase == .handshake else {
        continue
      }
      if entry.phaseStart < now - settings.maxRequestDuration { kill(child, SIGKILL) }
    }
  }

  /// Continues draining, if it has begun; returns whether it is complete.
  private mutating func continueDraining() -> Bool {
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

  private func killAllChildren() {
    for child in children.keys { kill(child, SIGKILL) }
  }
}

/// Reads one field of /proc/self/statm, in bytes: 0 is all mapped memory, 1 is resident memory. Returns 0 if it cannot
/// be read.
private func statmBytes(_ field: Int) -> Int {
  guard
    let text = try? Descriptor.reading("/proc/self/statm", { file throws(SystemError) in try file.read(atMost: 256) })
  else { return 0 }
  let fields = text.split(separator: UInt8(ascii: " "))
  guard fields.indices.contains(field) else { return 0 }
  return (Int(String(decoding: fields[field], as: UTF8.self)) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
}
