// What the listener and the connection processes share: a table in shared memory, and pipes of tokens.

import CPOSIX
import Glibc
import POSIX

/// What a connection is doing, as the listener sees it.
enum Phase: UInt64 {
  /// The slot is free.
  case none
  /// The TLS handshake is under way.
  case handshake
  /// The connection waits for a request.
  case idle
  /// A request is being received or answered.
  case busy
  /// A request waits for a token.
  case waiting
}

/// A table in shared memory: the state of the server, and one slot per connection.
///
/// Connections read the state and write only their own slot. Review processes have no access to it.
@safe struct SharedState {
  private let words: UnsafeMutablePointer<UInt64>
  private let slots: Int

  private static let slotWords = 8
  private static let headerWords = 8

  /// Maps the table.
  ///
  /// - Throws: `SystemError` if mmap(2) fails.
  init(slots: Int) throws(SystemError) {
    guard let words = unsafe posix_shared_words(UInt(SharedState.headerWords + slots * SharedState.slotWords)) else {
      throw .last
    }
    unsafe self.words = words
    self.slots = slots
  }

  /// Whether responses announce that the connection closes.
  var isDraining: Bool {
    get { self[0] != 0 }
    nonmutating set { self[0] = newValue ? 1 : 0 }
  }

  /// Whether idle connections must close.
  var isClosing: Bool {
    get { self[1] != 0 }
    nonmutating set { self[1] = newValue ? 1 : 0 }
  }

  /// The number of the configuration in force. Each load increments it.
  var generation: UInt64 {
    get { self[2] }
    nonmutating set { self[2] = newValue }
  }

  subscript(slot slot: Int) -> Slot { Slot(state: self, start: SharedState.headerWords + slot * SharedState.slotWords) }

  /// Excludes the table from all processes that this one forks from now on (MADV_DONTFORK).
  func excludeFromForks() {
    _ = unsafe posix_exclude_words_from_forks(words, UInt(SharedState.headerWords + slots * SharedState.slotWords))
  }

  /// Unmaps the table in a process that does not need it.
  func unmap() {
    unsafe posix_unmap_words(words, UInt(SharedState.headerWords + slots * SharedState.slotWords))
  }

  fileprivate subscript(word: Int) -> UInt64 {
    get { unsafe posix_load(words + word) }
    nonmutating set { unsafe posix_store(words + word, newValue) }
  }

  /// One connection's part of the table.
  struct Slot {
    fileprivate let state: SharedState
    fileprivate let start: Int

    func clear() { for i in 0..<SharedState.slotWords { state[start + i] = 0 } }

    var phase: Phase { Phase(rawValue: state[start]) ?? .none }
    /// When the phase began, in milliseconds of the monotonic clock.
    var phaseStart: Int { Int(truncatingIfNeeded: state[start + 1]) }

    func enter(_ phase: Phase) {
      state[start + 1] = UInt64(monotonicNow() / 1_000_000)
      state[start] = phase.rawValue
    }

    /// Whether the listener has asked this connection to close as soon as it can.
    var isAskedToClose: Bool { state[start + 2] != 0 }
    func askToClose() { state[start + 2] = 1 }

    /// Odd while the connection takes or returns a token, so that a reader can detect that it looked in between (a
    /// seqlock).
    fileprivate var sequence: UInt64 { state[start + 3] }
    func advanceSequence() { state[start + 3] &+= 1 }

    func holds(_ kind: TokenPipe.Kind) -> Bool { state[start + 4 + kind.rawValue] != 0 }
    /// Whether the connection holds a token and has a request that justifies it.
    fileprivate func holdsForRequest(_ kind: TokenPipe.Kind) -> Bool {
      holds(kind) && (phase == .busy || phase == .waiting)
    }
    fileprivate func setHolds(_ kind: TokenPipe.Kind, _ holds: Bool) {
      state[start + 4 + kind.rawValue] = holds ? 1 : 0
    }
  }
}

/// A pipe filled with tokens, as in make's jobserver. A process takes a token before it does something costly, and
/// returns it afterwards.
struct TokenPipe {
  enum Kind: Int {
    case review
    case largeBody
  }

  let kind: Kind
  let count: Int
  let pipe: Pipe

  init(_ kind: Kind, count: Int) throws(SystemError) {
    self.kind = kind
    self.count = count
    pipe = try Pipe()
    addTokens(count)
  }

  /// Takes a token if one is available.
  func tryTake(_ slot: SharedState.Slot) -> Bool {
    slot.advanceSequence()
    defer { slot.advanceSequence() }
    var byte: UInt8 = 0
    guard unsafe read(pipe.reading.number, &byte, 1) == 1 else { return false }
    slot.setHolds(kind, true)
    return true
  }

  /// Takes a token unless the slot already holds one. Returns `false` if none is available before the deadline, or if
  /// the listener asks the connection to close.
  func take(_ slot: SharedState.Slot, before deadline: Deadline) -> Bool {
    if slot.holds(kind) || tryTake(slot) { return true }
    slot.enter(.waiting)
    defer { slot.enter(.busy) }
    repeat {
      switch wait(for: pipe.reading.number, POLLIN, before: deadline, interruptible: true) {
      case .ready: break
      case .timeout: return false
      case .interrupted: if slot.isAskedToClose { return false }
      }
    } while !tryTake(slot)
    return true
  }

  /// Closes the pipe in a process that does not need it.
  func close() { pipe.close() }

  /// Returns the token if the slot holds one; returns whether it did.
  @discardableResult
  func putBack(_ slot: SharedState.Slot) -> Bool {
    guard slot.holds(kind) else { return false }
    slot.advanceSequence()
    addTokens(1)
    slot.setHolds(kind, false)
    slot.advanceSequence()
    return true
  }

  /// Restores lost tokens, and removes surplus ones. Returns how many, or `nil` if they could not be counted because a
  /// connection was taking or returning a token in all 100 attempts.
  ///
  /// - Parameter isOverdue: whether counting has failed for two seconds, far longer than moving a token takes. The last
  ///   attempt then counts without waiting for connections to settle. If it is off by one, the next count corrects it.
  func restore(_ state: SharedState, slots: [Int], isOverdue: Bool) -> Int? {
    for attempt in 1...100 {
      let before = slots.map { state[slot: $0].sequence }
      let mustSettle = !isOverdue || attempt < 100
      if mustSettle, before.contains(where: { $0 % 2 == 1 }) { continue }
      let heldCount = slots.count { state[slot: $0].holdsForRequest(kind) }
      let availableCount = Int(posix_bytes_waiting(pipe.reading.number))
      guard !mustSettle || slots.map({ state[slot: $0].sequence }) == before else { continue }
      addTokens(count - heldCount - availableCount)
      // A surplus token: its process died after returning it, before recording that.
      var byte: UInt8 = 0
      for _ in 0..<max(0, heldCount + availableCount - count) { _ = unsafe read(pipe.reading.number, &byte, 1) }
      return abs(count - heldCount - availableCount)
    }
    return nil
  }

  private func addTokens(_ count: Int) {
    for _ in 0..<max(0, count) {
      var byte = UInt8(ascii: "+")
      _ = unsafe write(pipe.writing.number, &byte, 1)
    }
  }
}
