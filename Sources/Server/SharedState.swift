// What the listener and the connection processes share: a table in shared memory, and pipes of tokens.

import CLinux
import Glibc
import System

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

  /// Restores lost tokens, and removes surplus ones; returns how many it added or removed.
  ///
  /// A connection that is just taking or returning a token may or may not hold one. So a token counts as lost only if even
  /// all of these cannot hold it, and as surplus only if there are none of these.
  func restore(_ state: SharedState, _ slots: TokenHolders) -> Int {
    let before = slots.map { state[slot: $0].sequence }
    let held = slots.map { state[slot: $0].holdsForRequest(kind) }
    let availableCount = Int(posix_bytes_waiting(pipe.reading.number))
    var heldCount = 0
    var unsettledCount = 0
    for (i, slot) in slots.enumerated() {
      let isSettled = state[slot: slot].sequence == before[i] && (before[i] % 2 == 0 || slots.isStuck(slot, before[i]))
      if isSettled { heldCount += held[i] ? 1 : 0 } else { unsettledCount += 1 }
    }
    let missingCount = count - availableCount - heldCount - unsettledCount
    if missingCount > 0 {
      addTokens(missingCount)
      return missingCount
    }
    guard unsettledCount == 0 else { return 0 }
    // A surplus token: its process died after returning it, before recording that.
    var removedCount = 0
    var byte: UInt8 = 0
    while removedCount < -missingCount, unsafe read(pipe.reading.number, &byte, 1) == 1 { removedCount += 1 }
    return removedCount
  }

  private func addTokens(_ count: Int) {
    for _ in 0..<max(0, count) {
      var byte = UInt8(ascii: "+")
      _ = unsafe write(pipe.writing.number, &byte, 1)
    }
  }
}

/// The slots of the connections that may hold tokens, and which of them were already in the middle of taking or returning
/// one when the tokens were last counted.
struct TokenHolders: Sequence {
  private let slots: [Int]
  private let oddSequences: [Int: UInt64]

  /// - Parameter last: the sequences that were odd a second ago or earlier. Nobody takes a second to move a token: a
  ///   connection whose sequence has not changed since has stopped there, and counts as the table has it.
  init(_ slots: [Int], last oddSequences: [Int: UInt64] = [:]) {
    self.slots = slots
    self.oddSequences = oddSequences
  }

  func makeIterator() -> IndexingIterator<[Int]> { slots.makeIterator() }

  func isStuck(_ slot: Int, _ sequence: UInt64) -> Bool { oddSequences[slot] == sequence }

  /// The sequences that are odd now.
  func oddSequences(_ state: SharedState) -> [Int: UInt64] {
    var found: [Int: UInt64] = [:]
    for slot in slots where state[slot: slot].sequence % 2 == 1 { found[slot] = state[slot: slot].sequence }
    return found
  }
}
