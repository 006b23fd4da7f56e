// What the listener and the connection processes share: the table of slots, and the tokens, whose number must stay the
// same whatever happens to the processes that hold them.

import Glibc
import System
import Testing

@testable import Server

@Suite("Tokens")
struct TokenTests {
  private let state: SharedState
  private let tokens: TokenPipe
  /// The slots beyond these are used by `available`.
  private static let slots = 10

  init() throws {
    state = try SharedState(slots: 2 * TokenTests.slots)
    tokens = try TokenPipe(.review, count: 3)
  }

  private func slot(_ number: Int) -> SharedState.Slot { state[slot: number] }

  /// Takes a token for a request that is under way.
  private func take(_ number: Int) -> Bool {
    slot(number).enter(.busy)
    return tokens.tryTake(slot(number))
  }

  /// Counts the available tokens by taking and returning them.
  private func available(_ tokens: TokenPipe) -> Int {
    let takers = (TokenTests.slots..<2 * TokenTests.slots).map(slot)
    let count = takers.prefix { tokens.tryTake($0) }.count
    for taker in takers { tokens.putBack(taker) }
    return count
  }

  @Test("All tokens are available at first, and each is returned only once")
  func takeAndPutBack() {
    #expect(available(tokens) == 3)
    for i in 0..<3 {
      #expect(tokens.tryTake(slot(i)))
      #expect(available(tokens) == 2 - i)
    }
    #expect(!tokens.tryTake(slot(3)))
    // A slot without a token returns none.
    #expect(!tokens.putBack(slot(3)))
    #expect(available(tokens) == 0)
    #expect(tokens.putBack(slot(1)))
    #expect(!tokens.putBack(slot(1)))
    #expect(available(tokens) == 1)
    tokens.putBack(slot(0))
    tokens.putBack(slot(2))
    #expect(available(tokens) == 3)
  }

  @Test("Waiting for a token succeeds at once if one is available, and otherwise fails at the deadline")
  func waiting() {
    for i in 0..<3 { #expect(tokens.take(slot(i), before: .after(milliseconds: 0))) }
    let start = monotonicNow()
    #expect(!tokens.take(slot(3), before: .after(milliseconds: 50)))
    #expect(monotonicNow() - start >= 50_000_000)
    tokens.putBack(slot(0))
    #expect(tokens.take(slot(3), before: .after(milliseconds: 0)))
    #expect(available(tokens) == 0)
  }

  @Test("A slot that holds a token takes no second one, although a large body asks for each part that arrives")
  func holdsOne() {
    for _ in 0..<5 { #expect(tokens.take(slot(0), before: .after(milliseconds: 0))) }
    #expect(available(tokens) == 2)
    tokens.putBack(slot(0))
    #expect(available(tokens) == 3)
  }

  @Test("The two kinds of tokens are independent")
  func kinds() throws {
    let bodies = try TokenPipe(.largeBody, count: 2)
    #expect(tokens.tryTake(slot(0)) && bodies.tryTake(slot(0)))
    #expect(bodies.putBack(slot(0)))
    #expect(available(bodies) == 2 && available(tokens) == 2)
    #expect(!bodies.putBack(slot(0)))
    #expect(available(bodies) == 2)
    #expect(tokens.putBack(slot(0)))
    #expect(available(tokens) == 3)
    #expect(take(1))
    #expect(
      bodies.restore(state, TokenHolders([1])) == 0
        && tokens.restore(state, TokenHolders([1])) == 0)
    #expect(available(bodies) == 2 && available(tokens) == 2)
  }

  @Test("Tokens of dead processes are restored, and tokens that are held are not", arguments: 0...3)
  func restore(_ lost: Int) {
    for i in 0..<3 { #expect(take(i)) }
    for i in 0..<lost { slot(i).clear() }
    #expect(available(tokens) == 0)
    for missing in [lost, 0] {
      #expect(tokens.restore(state, TokenHolders(Array(lost..<TokenTests.slots))) == missing)
      #expect(available(tokens) == lost)
    }
    for i in lost..<3 { tokens.putBack(slot(i)) }
    #expect(available(tokens) == 3)
  }

  @Test("A surplus token is removed")
  func surplus() {
    #expect(take(0))
    // As if the process had died after returning its token, before recording that.
    #expect(tokens.restore(state, TokenHolders([])) == 1)
    #expect(available(tokens) == 3)
    #expect(tokens.restore(state, TokenHolders([0])) == 1)
    #expect(available(tokens) == 2)
    tokens.putBack(slot(0))
    #expect(available(tokens) == 3)
  }

  @Test("A cleared slot holds no token of the previous connection")
  func cleared() throws {
    let bodies = try TokenPipe(.largeBody, count: 1)
    #expect(tokens.tryTake(slot(0)) && bodies.tryTake(slot(0)))
    slot(0).clear()
    // The next connection in the slot returns none, takes its own, and is not counted as holding any.
    #expect(!tokens.putBack(slot(0)))
    #expect(available(tokens) == 2)
    #expect(
      tokens.restore(state, TokenHolders([0])) == 1
        && bodies.restore(state, TokenHolders([0])) == 1)
    #expect(available(tokens) == 3 && available(bodies) == 1)
    #expect(tokens.take(slot(0), before: .after(milliseconds: 0)))
    #expect(available(tokens) == 2)
  }

  @Test("A token that a connection claims to hold without a request is restored")
  func idleHolder() {
    #expect(take(0))
    slot(0).enter(.idle)
    #expect(tokens.restore(state, TokenHolders([0])) == 1)
    #expect(available(tokens) == 3)
  }

  @Test("A connection that stays in the middle of taking a token does not block restoring for ever")
  func stuck() {
    #expect(take(1))
    slot(0).advanceSequence()
    let first = TokenHolders([0, 1])
    var byte: UInt8 = 0
    #expect(unsafe read(tokens.pipe.reading.number, &byte, 1) == 1)
    // It may have the missing token, until it has shown for a second that it does not move.
    #expect(tokens.restore(state, first) == 0)
    #expect(tokens.restore(state, TokenHolders([0, 1], last: first.oddSequences(state))) == 1)
    #expect(available(tokens) == 2)
  }

  @Test("A connection that is just moving a token neither makes one lost nor one surplus", arguments: [true, false])
  func moving(_ hasTaken: Bool) {
    #expect(take(0) && take(1) && take(2))
    // Slot 2 has put its token back, or has not, and did not say so yet.
    slot(2).advanceSequence()
    if hasTaken { tokens.putBack(slot(2)) }
    #expect(tokens.restore(state, TokenHolders([0, 1, 2])) == 0)
    #expect(available(tokens) == (hasTaken ? 1 : 0))
  }

  @Test("More tokens are lost than a connection that is just moving one can hold: the others are restored")
  func lostBesideMoving() {
    var bytes: [UInt8] = [0, 0, 0]
    #expect(unsafe read(tokens.pipe.reading.number, &bytes, 3) == 3)
    slot(0).advanceSequence()
    #expect(tokens.restore(state, TokenHolders([0])) == 2)
    #expect(available(tokens) == 2)
  }

  @Test("Without lost tokens, nothing is restored")
  func nothingLost() {
    #expect(tokens.restore(state, TokenHolders([])) == 0)
    #expect(available(tokens) == 3)
    #expect(take(4))
    #expect(tokens.restore(state, TokenHolders([4, 5])) == 0)
    #expect(available(tokens) == 2)
  }
}

@Suite("The shared table")
struct SharedStateTests {
  @Test("The table is zero at first, and the server's words are independent")
  func server() throws {
    let state = try SharedState(slots: 4)
    #expect(!state.isDraining && !state.isClosing && state.generation == 0)
    state.isDraining = true
    #expect(state.isDraining && !state.isClosing && state.generation == 0)
    state.isClosing = true
    state.isDraining = false
    #expect(!state.isDraining && state.isClosing)
    state.generation += 5
    #expect(state.generation == 5)
    for i in 0..<4 { #expect(state[slot: i].phase == .none && !state[slot: i].isAskedToClose) }
  }

  @Test("A slot stores its phase and when it began, and other slots do not change")
  func slots() throws {
    let state = try SharedState(slots: 3)
    for phase in [Phase.handshake, .idle, .busy, .none] {
      let before = monotonicNow() / 1_000_000
      state[slot: 1].enter(phase)
      #expect(state[slot: 1].phase == phase)
      #expect((before...(monotonicNow() / 1_000_000)).contains(state[slot: 1].phaseStart))
    }
    state[slot: 1].enter(.busy)
    state[slot: 1].askToClose()
    #expect(state[slot: 1].isAskedToClose && state[slot: 1].phase == .busy)
    for i in [0, 2] {
      #expect(state[slot: i].phase == .none && state[slot: i].phaseStart == 0 && !state[slot: i].isAskedToClose)
    }
    #expect(!state.isDraining && !state.isClosing && state.generation == 0)
    state[slot: 0].enter(.idle)
    state[slot: 2].enter(.handshake)
    state[slot: 1].clear()
    #expect(state[slot: 1].phase == .none && state[slot: 1].phaseStart == 0 && !state[slot: 1].isAskedToClose)
    #expect(state[slot: 0].phase == .idle && state[slot: 2].phase == .handshake)
  }

  @Test("A write through one copy of the table is visible through another")
  func copies() throws {
    let state = try SharedState(slots: 1)
    let copy = state
    copy.isDraining = true
    copy[slot: 0].enter(.busy)
    #expect(state.isDraining && state[slot: 0].phase == .busy)
  }
}

@Suite("Settings")
struct SettingsTests {
  @Test(
    "Bodies that need no token take at most 16 MiB together, however many connections there are",
    arguments: [1, 256, 100_000])
  func smallBodies(_ connections: Int) {
    var settings = ServerSettings()
    settings.maxConnections = connections
    #expect(settings.smallBodyLimit * connections <= 16 << 20)
    #expect(settings.maxLargeBodies * settings.maxBody <= 16 << 20)
  }
}
