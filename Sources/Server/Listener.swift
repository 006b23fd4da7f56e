// The listener: the parent process that accepts connections, forks a child for each, reaps children and counts. It
// never reads a byte that a client sent.

import CLinux
import Glibc
import System
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
