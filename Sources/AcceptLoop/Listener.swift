// The listener: it accepts, forks, reaps and counts, and never reads a byte of a client.

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
  /// Whether the pipe holds the reports of a tenth of a second: waking up for each would cost more than a review.
  let hasRoomForReports: Bool
  /// Whether so many came that it could be full before long.
  var hasManyReports = false
  /// Whether the processes of reviews are confined.
  var confinesReviews = false
  /// /dev/null.
  let nowhere: Int32
  var webhookSockets: [Int32] = []
  var adminSockets: [Int32] = []
  /// The processes that were forked, with their slots; those without one serve the admin port.
  var children: [pid_t: Int?] = [:]
  var freeSlots: [Int]
  /// The processes that serve the admin port, the oldest first.
  var adminChildren: [(child: pid_t, since: Int)] = []
  var counters: Counters
  /// What is mapped before any work, a review's memory included, in bytes.
  let addressSpace: Int
  /// The monotonic clock when this round began, in milliseconds, as all times here.
  var now = monotonicNow() / 1_000_000
  /// Accepting waits until then.
  var pausedUntil = 0
  var adminPausedUntil = 0
  /// A connection that was accepted, and there was no process for it yet.
  var held: (socket: Int32, peer: Address)?
  /// Which configuration is in force; each that was loaded has the next number.
  var generation: UInt64 = 0
  /// Whether a connection waits in the backlog for a slot.
  var isCrowded = false
  /// When a connection was last told to give way.
  var lastVictim = 0
  /// When reviews crashed of late.
  var crashes: [Int] = []
  /// When the tokens were last counted.
  var lastTokenCount = 0
  /// Whether a connection ended since: it may have taken tokens with it.
  var tokensMayBeLost = false
  /// When draining began; `nil` before.
  var drainStart: Int?

  var log: Log { settings.log }

  init(_ settings: ServerSettings, _ sources: ServerSources) throws(StartError) {
    self.settings = settings
    self.sources = sources
    let hasReserve = posix_keep_heap(UInt(settings.reviewMemory)) == 0
    posix_forget_startup()
    // Looked at before they are read: what changes in between is noticed.
    watches = (
      FileWatch([sources.tls.certificate, sources.tls.key, sources.tls.clientCA ?? ""]),
      FileWatch([sources.configuration ?? ""])
    )
    do throws(LoadFailure) {
      handler = try sources.loadHandler()
    } catch {
      throw .configuration(error.problems)
    }
    guard startTLS() else { throw .system("no room for OpenSSL's memory: more than 64 MB of addresses are needed") }
    do throws(TLSFileError) {
      identity = try TLSIdentity(sources.tls)
    } catch {
      throw .configuration([error.description])
    }
    do throws(SystemError) {
      nowhere = unsafe open("/dev/null", O_RDWR | O_CLOEXEC)
      if nowhere < 0 { throw .last }
      signals = posix_take_signals()
      if signals < 0 { throw .last }
      state = try SharedState(slots: settings.maxConnections)
      reviewTokens = try TokenPipe(.review, count: settings.maxReviews)
      bodyTokens = try TokenPipe(.largeBody, count: settings.largeBodies)
      reports = try Pipe(capacity: 1 << 20)
      hasRoomForReports = posix_pipe_capacity(reports.writing.number) >= 1 << 20
    } catch {
      throw .system(error.description)
    }
    freeSlots = Array((0..<settings.maxConnections).reversed())
    counters = Counters(version: settings.version, startTime: time(nil))
    addressSpace = memoryPages(0)
    webhookSockets = try settings.listen.map { address throws(StartError) in try bound(address, "webhook") }
    if let admin = settings.admin { adminSockets = [try bound(admin, "admin")] }
    useIdentity()
    useHandler()
    posix_forget_startup()
    // Last: who is not dumpable may not look at his own pages either, unless he is root.
    if posix_harden() != 0 { throw .system(SystemError.last.description) }
    try confineReviews(hasReserve: hasReserve)
  }

  /// Serves until it is told to end, and has ended.
  mutating func run() {
    while true {
      var entries = [pollfd(fd: signals, events: Int16(POLLIN), revents: 0)]
      if !hasRoomForReports { entries.append(pollfd(fd: reports.reading.number, events: Int16(POLLIN), revents: 0)) }
      let accepting = isAccepting ? webhookSockets : []
      let admin = now >= adminPausedUntil ? adminSockets : []
      for socket in accepting + admin { entries.append(pollfd(fd: socket, events: Int16(POLLIN), revents: 0)) }
      _ = unsafe posix_wait(&entries, UInt(entries.count), nextWake(), 0)
      now = monotonicNow() / 1_000_000

      let ready = entries.filter { $0.revents != 0 }.map(\.fd)
      // Nothing but new connections is the common case, and each call of the system counts.
      if !ready.allSatisfy(accepting.contains) || ready.isEmpty {
        readReports()
        if ready.contains(signals), readSignals() { return }
        restoreTokens()
        watchOverConnections()
        if drain() { return }
      }
      reloadIfChanged()
      for socket in accepting where ready.contains(socket) || isCrowded || held != nil { accept(from: socket) }
      for socket in admin where ready.contains(socket) { acceptAdmin(from: socket) }
    }
  }

  private var isAccepting: Bool { !webhookSockets.isEmpty && now >= pausedUntil }

  /// How long nothing needs to be looked at, in milliseconds.
  private func nextWake() -> Int32 {
    if hasManyReports { return 10 }
    let paused = max(pausedUntil, adminPausedUntil) - now
    if paused > 0 { return Int32(min(paused, 100)) }
    if drainStart != nil || tokensMayBeLost { return 50 }
    return children.isEmpty ? -1 : 100
  }
}

// Starting.
extension Listener {
  private func bound(_ address: Address, _ name: String) throws(StartError) -> Int32 {
    // Silent connections stay in the kernel for as long as they may be silent here.
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

  /// Finds out whether reviews can be confined. After posix_harden: a filter needs no new privileges.
  ///
  /// - Parameter hasReserve: whether a review finds all of its memory mapped: once confined, it cannot ask for any.
  private mutating func confineReviews(hasReserve: Bool) throws(StartError) {
    guard settings.sandbox != .off, settings.isolation == .request else { return }
    let fault =
      hasReserve
      ? rehearseConfined(handler, addressSpace: addressSpace, format: log.format)
      : "no room for the memory of a review: the limit of addresses is too low"
    if let fault {
      if settings.sandbox == .require { throw .system("reviews cannot be confined (seccomp): " + fault) }
      var fields = log.fields
      fields.add("reason", fault)
      log.write(.warning, "reviews are not confined (seccomp): they are bounded, but may make system calls", fields)
      return
    }
    confinesReviews = true
    counters.confinesReviews = true
    posix_share_descriptors()
  }

  /// Puts a certificate into force.
  private mutating func useIdentity() {
    identity.warmUp()
    counters.certificateExpiry = identity.expiry
    if identity.expiry < time(nil) {
      log.write(.warning, sources.tls.certificate + ": the certificate has expired; clients will refuse it")
    }
  }

  /// Puts a configuration into force.
  private mutating func useHandler() {
    counters.use(handler.labels)
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
    // Nothing is written in parts: a pipe keeps what is smaller than PIPE_BUF together.
    // More than a full pipe at once would be a child that does nothing else.
    hasManyReports = false
    for round in 0..<64 {
      guard let bytes = try? reports.reading.tryRead(atMost: Report.size * 256), !bytes.isEmpty else { return }
      hasManyReports = round >= 4
      for start in stride(from: 0, to: bytes.count, by: Report.size) {
        let report = Report(bytes[start..<min(start + Report.size, bytes.count)])
        counters.count(report)
        if case .reviewEnded(.signal(let signal)) = report, isCrash(signal) { noteCrash() }
      }
    }
  }

  /// Processes forked from one share their addresses: who crashes reviews again and again may be searching for some.
  private mutating func noteCrash() {
    let now = now
    crashes.removeAll { $0 < now - 10_000 }
    crashes.append(now)
    guard crashes.count >= 10, now >= pausedUntil else { return }
    crashes = []
    pausedUntil = max(pausedUntil, now + 1000)
    counters.pauses += 1
    log.write(.warning, "ten reviews crashed within ten seconds: new connections wait for a second")
  }

  /// Whether a signal ended it all.
  private mutating func readSignals() -> Bool {
    while true {
      switch posix_next_signal(signals) {
      case SIGTERM, SIGINT:
        if drainStart != nil {
          log.write(.warning, "ended by a second signal")
          cutOff()
          return true
        }
        drainStart = now
        state.isDraining = true
        log.write(.info, "draining")
      case SIGCHLD: reap()
      case SIGHUP:
        // What is read now need not be read again.
        _ = watches.tls.changed()
        _ = watches.configuration.changed()
        reload(isTLSChanged: true, isConfigurationChanged: true)
      case -1: return false
      default: break
      }
    }
  }

  private mutating func reap() {
    var exit: Int32 = 0
    while case let child = unsafe posix_reap(-1, 0, &exit), child > 0 {
      // Others are the orphans of a connection that ended before its review.
      guard let slot = children.removeValue(forKey: child) else { continue }
      if let slot {
        tokensMayBeLost = true
        state[slot: slot].clear()
        freeSlots.append(slot)
      } else {
        // One that gave way is in the list no more, and is no news.
        guard let served = adminChildren.firstIndex(where: { $0.child == child }) else { continue }
        adminChildren.remove(at: served)
      }
      if exit < 0 {
        let process = slot == nil ? "admin" : "connection"
        counters.countEnd(of: process, reason: signalName(-exit))
        var fields = log.fields
        fields.add("process", process)
        fields.add("signal", signalName(-exit))
        log.write(.warning, "process ended by a signal", fields)
        if slot != nil, isCrash(-exit) { noteCrash() }
      }
    }
  }

  /// Counts the tokens when a connection has ended, and every second: whoever can read a pipe can take them unseen.
  private mutating func restoreTokens() {
    guard tokensMayBeLost || now >= lastTokenCount + 1000 else { return }
    let slots = children.values.compactMap(\.self)
    let isOverdue = now >= lastTokenCount + 2000
    let restored = [reviewTokens, bodyTokens].map { $0.restore(state, slots: slots, isOverdue: isOverdue) }
    tokensMayBeLost = restored.contains(nil)
    if !tokensMayBeLost { lastTokenCount = now }
    counters.restoredTokens += restored.reduce(0) { $0 + ($1 ?? 0) }
  }
}

// Reloading.
extension Listener {
  private mutating func reloadIfChanged() {
    guard now >= lastReloadCheck + 1000 else { return }
    lastReloadCheck = now
    let isTLSChanged = watches.tls.changed()
    let isConfigurationChanged = watches.configuration.changed()
    if isTLSChanged || isConfigurationChanged {
      reload(isTLSChanged: isTLSChanged, isConfigurationChanged: isConfigurationChanged)
    }
  }

  /// Reads files again; what cannot be used leaves the old in force.
  private mutating func reload(isTLSChanged: Bool, isConfigurationChanged: Bool) {
    if isTLSChanged {
      do throws(TLSFileError) {
        identity = try TLSIdentity(sources.tls)
        useIdentity()
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
        useHandler()
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
    isCrowded = false
    while now >= pausedUntil {
      guard !freeSlots.isEmpty else {
        // Whether anybody waits for one at all.
        guard held != nil || wait(for: socket, POLLIN, before: .after(milliseconds: 0)) == .ready else { return }
        isCrowded = true
        makeWay()
        return
      }
      if let waiting = held {
        held = nil
        start(waiting.socket, waiting.peer)
        continue
      }
      var peer = sockaddr_storage()
      let connection = unsafe posix_accept(socket, &peer)
      if connection < 0 {
        if isShortage(errno) { pausedUntil = max(pausedUntil, now + pause("accept", .last)) }
        return
      }
      counters.connections += 1
      start(connection, Address(peer))
    }
  }

  private func isShortage(_ error: Int32) -> Bool { [EMFILE, ENFILE, ENOMEM, ENOBUFS].contains(error) }

  /// At the limit, the connection that has been idle for longest gives way; without one, those that have not come
  /// through their handshake, or not got their turn, for a second. The new one waits in the backlog meanwhile.
  private mutating func makeWay() {
    pausedUntil = max(pausedUntil, now + 10)
    // One at a time: who was told a moment ago is about to go.
    if now < lastVictim + 50 { return }
    var victim: (child: pid_t, since: Int, isIdle: Bool)?
    for (child, slot) in children {
      guard let slot else { continue }
      let entry = state[slot: slot]
      // A client that has just connected is about to send its first request.
      let isIdle = entry.phase == .idle && entry.since < now - 250
      let isStuck = (entry.phase == .handshake || entry.phase == .waiting) && entry.since < now - 1000
      guard isIdle || isStuck, !entry.givesWay else { continue }
      if let other = victim, (other.isIdle && !isIdle) || (other.isIdle == isIdle && other.since <= entry.since) {
        continue
      }
      victim = (child, entry.since, isIdle)
    }
    if let victim, let slot = children[victim.child], let slot {
      state[slot: slot].giveWay()
      kill(victim.child, SIGUSR1)
      lastVictim = now
    }
  }

  /// Says what is short, and for how many milliseconds to wait.
  private func pause(_ call: String, _ error: SystemError) -> Int {
    log.write(.error, call + ": " + error.description + "; new connections wait")
    return 100
  }

  private var context: ConnectionContext {
    ConnectionContext(
      settings: settings, state: state, reviewTokens: reviewTokens, bodyTokens: bodyTokens,
      reports: reports.writing.number, nowhere: nowhere,
      reviewLimits: ReviewLimits(
        addressSpace: addressSpace, timeout: settings.reviewTimeout, isConfined: confinesReviews),
      generation: generation,
      loadHandler: sources.loadHandler)
  }

  private mutating func start(_ socket: Int32, _ peer: Address) {
    let slot = freeSlots.removeLast()
    let entry = state[slot: slot]
    entry.clear()
    entry.enter(.handshake)
    let context = context
    let child = forkChild(socket, slot: slot) { listener in
      listener.state.keepFromChildren()
      serveWebhook(context, socket, entry, peer, listener.identity, listener.handler)
    }
    if child == nil {
      pausedUntil = max(pausedUntil, now + pause("fork", .last))
      entry.clear()
      freeSlots.append(slot)
      held = (socket, peer)
    }
  }

  private mutating func acceptAdmin(from socket: Int32) {
    while makeWayForAdmin() {
      var peer = sockaddr_storage()
      let connection = unsafe posix_accept(socket, &peer)
      if connection < 0 {
        if isShortage(errno) { adminPausedUntil = now + pause("accept", .last) }
        return
      }
      counters.adminConnections += 1
      counters.activeConnections = children.values.count { $0 != nil }
      counters.residentMemory = memoryPages(1)
      let child = forkChild(connection, slot: nil) { listener in
        let isDraining = listener.state.isDraining
        // It reads what anybody sends, and needs none of this.
        dropTLS()
        listener.state.drop()
        listener.reviewTokens.close()
        listener.bodyTokens.close()
        listener.reports.writing.close()
        serveAdmin(listener.settings, connection, isDraining: isDraining, listener.counters)
      }
      guard let child else {
        adminPausedUntil = now + pause("fork", .last)
        close(connection)
        return
      }
      adminChildren.append((child, now))
    }
  }

  /// Whether there is room for a connection to the admin port. At the limit the oldest gives way: whoever asks for more than
  /// a response takes is not to keep a probe from its own.
  private mutating func makeWayForAdmin() -> Bool {
    guard let oldest = adminChildren.first, adminChildren.count >= settings.maxAdminConnections else { return true }
    let end = oldest.since + settings.adminGrace
    guard now >= end else {
      adminPausedUntil = max(adminPausedUntil, end)
      return false
    }
    // Not reaped yet, so this is its own number.
    kill(oldest.child, SIGKILL)
    adminChildren.removeFirst()
    counters.countEnd(of: "admin", reason: "evicted")
    return true
  }

  /// Forks a process for a connection; `nil` where that fails, and the connection stays open.
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

// Watching and ending.
extension Listener {
  /// Ends connections that have been busy with one request for longer than any can take.
  private func watchOverConnections() {
    for (child, slot) in children {
      guard let slot, case let entry = state[slot: slot], entry.phase == .busy || entry.phase == .handshake else {
        continue
      }
      if entry.since < now - settings.longestRequest { kill(child, SIGKILL) }
    }
  }

  /// Goes on with draining; whether it has ended.
  private mutating func drain() -> Bool {
    guard let drainStart else { return false }
    if !webhookSockets.isEmpty, now >= drainStart + settings.drainDelay {
      // Those that have come until now are served.
      for socket in webhookSockets { accept(from: socket) }
      for socket in webhookSockets + adminSockets { close(socket) }
      webhookSockets = []
      adminSockets = []
      state.isClosing = true
    }
    if webhookSockets.isEmpty {
      if let waiting = held, !freeSlots.isEmpty {
        held = nil
        start(waiting.socket, waiting.peer)
      }
      if children.isEmpty, held == nil {
        log.write(.info, "drained")
        return true
      }
      for child in children.keys { kill(child, SIGUSR1) }
    }
    if now >= drainStart + settings.drainTimeout {
      var fields = log.fields
      fields.add("connections", children.count)
      log.write(.warning, "not drained in time, connections are cut off", fields)
      cutOff()
      return true
    }
    return false
  }

  private func cutOff() {
    for child in children.keys { kill(child, SIGKILL) }
  }
}

/// The size of this process's memory, in bytes: all that is mapped (0), or what is resident (1).
private func memoryPages(_ field: Int) -> Int {
  guard
    let text = try? Descriptor.reading("/proc/self/statm", { file throws(SystemError) in try file.read(atMost: 256) })
  else { return 0 }
  let fields = text.split(separator: UInt8(ascii: " "))
  guard fields.indices.contains(field) else { return 0 }
  return (Int(String(decoding: fields[field], as: UTF8.self)) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
}
