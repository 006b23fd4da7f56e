// What listener and connections share while they run: a table in memory, and pipes of tokens.

import CPOSIX
import Glibc
import POSIX

/// What a connection is doing, for the listener to see.
enum Phase: UInt64 {
  /// There is no connection in this slot.
  case none
  /// It negotiates TLS.
  case handshake
  /// It waits for a request.
  case idle
  /// A request is under way.
  case busy
  /// A request waits for its turn.
  case waiting
}

/// A table in shared memory: the server's state, and for each connection a slot.
///
/// Connections read the state and write only their own slot. Reviews do not have the table.
@safe struct SharedState {
  private let words: UnsafeMutablePointer<UInt64>
  private let slots: Int

  private static let slotWords = 8
  private static let headerWords = 8

  /// - Throws: `SystemError` without memory.
  init(slots: Int) throws(SystemError) {
    guard let words = unsafe posix_shared_words(UInt(SharedState.headerWords + slots * SharedState.slotWords)) else {
      throw .last
    }
    unsafe self.words = words
    self.slots = slots
  }

  /// Whether answers say that the connection closes.
  var isDraining: Bool {
    get { self[0] != 0 }
    nonmutating set { self[0] = newValue ? 1 : 0 }
  }

  /// Whether idle connections are to close.
  var isClosing: Bool {
    get { self[1] != 0 }
    nonmutating set { self[1] = newValue ? 1 : 0 }
  }

  /// Which configuration is in force; each that was loaded has the next number.
  var generation: UInt64 {
    get { self[2] }
    nonmutating set { self[2] = newValue }
  }

  subscript(slot slot: Int) -> Slot { Slot(state: self, start: SharedState.headerWords + slot * SharedState.slotWords) }

  /// Leaves the table out of the processes that this one forks from now on.
  func keepFromChildren() {
    _ = unsafe posix_unshare_words(words, UInt(SharedState.headerWords + slots * SharedState.slotWords))
  }

  /// Takes the table from this process, which has no use for it.
  func drop() {
    unsafe posix_drop_words(words, UInt(SharedState.headerWords + slots * SharedState.slotWords))
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
    /// Since when, in milliseconds of the monotonic clock.
    var since: Int { Int(truncatingIfNeeded: state[start + 1]) }

    func enter(_ phase: Phase) {
      state[start + 1] = UInt64(monotonicNow() / 1_000_000)
      state[start] = phase.rawValue
    }

    /// Whether the listener wants this connection to end when it can.
    var givesWay: Bool { state[start + 2] != 0 }
    func giveWay() { state[start + 2] = 1 }

    /// Odd while the connection takes or returns a token.
    fileprivate var sequence: UInt64 { state[start + 3] }
    func step() { state[start + 3] &+= 1 }

    func holds(_ kind: TokenPipe.Kind) -> Bool { state[start + 4 + kind.rawValue] != 0 }
    /// Whether the connection has a token, and a request for which it may.
    fileprivate func has(_ kind: TokenPipe.Kind) -> Bool { holds(kind) && (phase == .busy || phase == .waiting) }
    fileprivate func setHolds(_ kind: TokenPipe.Kind, _ holds: Bool) {
      state[start + 4 + kind.rawValue] = holds ? 1 : 0
    }
  }
}

/// A pipe of tokens, as make's jobserver has: who wants to do a thing takes one, and puts it back afterwards.
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
    put(count)
  }

  /// Takes a token if there is one.
  func tryTake(_ slot: SharedState.Slot) -> Bool {
    slot.step()
    defer { slot.step() }
    var byte: UInt8 = 0
    guard unsafe read(pipe.reading.number, &byte, 1) == 1 else { return false }
    slot.setHolds(kind, true)
    return true
  }

  /// Takes a token, if the slot holds none; `false` when there is none until the deadline, or the listener wants the
  /// connection to give way.
  func take(_ slot: SharedState.Slot, before deadline: Deadline) -> Bool {
    if slot.holds(kind) || tryTake(slot) { return true }
    slot.enter(.waiting)
    defer { slot.enter(.busy) }
    repeat {
      switch wait(for: pipe.reading.number, POLLIN, before: deadline, interruptible: true) {
      case .ready: break
      case .timeout: return false
      case .interrupted: if slot.givesWay { return false }
      }
    } while !tryTake(slot)
    return true
  }

  /// Leaves the pipe, in a process that has no use for it.
  func close() { pipe.close() }

  /// Puts the token back, if the slot holds one; whether it did.
  @discardableResult
  func putBack(_ slot: SharedState.Slot) -> Bool {
    guard slot.holds(kind) else { return false }
    slot.step()
    put(1)
    slot.setHolds(kind, false)
    slot.step()
    return true
  }

  /// Puts back the tokens that nobody has, however they were lost, and says how many that were; `nil` when it could not be
  /// told: a connection was taking or returning a token all the while.
  ///
  /// - Parameter isOverdue: whether that was said for too long: no connection takes a second for it. Tokens are then counted
  ///   as the table has them; where that is wrong by one, the next count puts it right.
  func restore(_ state: SharedState, slots: [Int], isOverdue: Bool) -> Int? {
    for attempt in 1...100 {
      let before = slots.map { state[slot: $0].sequence }
      let mustSettle = !isOverdue || attempt < 100
      if mustSettle, before.contains(where: { $0 % 2 == 1 }) { continue }
      let held = slots.count { state[slot: $0].has(kind) }
      let waiting = Int(posix_bytes_waiting(pipe.reading.number))
      guard !mustSettle || slots.map({ state[slot: $0].sequence }) == before else { continue }
      put(count - held - waiting)
      // One that was returned by a process that ended before it could say so.
      var byte: UInt8 = 0
      for _ in 0..<max(0, held + waiting - count) { _ = unsafe read(pipe.reading.number, &byte, 1) }
      return abs(count - held - waiting)
    }
    return nil
  }

  private func put(_ count: Int) {
    for _ in 0..<max(0, count) {
      var byte = UInt8(ascii: "+")
      _ = unsafe write(pipe.writing.number, &byte, 1)
    }
  }
}
