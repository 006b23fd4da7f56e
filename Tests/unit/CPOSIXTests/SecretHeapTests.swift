// The heap that OpenSSL's memory comes from: it must do what malloc does, and leave nothing behind that was freed.

import CPOSIX
import Foundation
import Testing

/// 4 MiB: the largest block.
private let largest = 4 << 20

/// Memory from the heap, or what was: the heap gives nothing back to the system, so that it can be looked at.
@safe private struct Block: Equatable {
  private let start: UnsafeMutableRawPointer

  private init?(_ memory: UnsafeMutableRawPointer?) {
    guard let memory = unsafe memory else { return nil }
    unsafe start = memory
  }

  init?(_ size: Int) { unsafe self.init(secret_allocate(size, nil, 0)) }

  /// As realloc(3) with a null pointer.
  static func reallocatedNothing(_ size: Int) -> Block? { unsafe Block(secret_reallocate(nil, size, nil, 0)) }
  func reallocated(_ size: Int) -> Block? { unsafe Block(secret_reallocate(start, size, nil, 0)) }
  func free() { unsafe secret_free(start, nil, 0) }

  var address: UInt { UInt(bitPattern: start) }

  func fill(_ contents: [UInt8]) { unsafe start.copyMemory(from: contents, byteCount: contents.count) }

  /// Compared in C: the tests are not optimised.
  func holds(_ contents: [UInt8]) -> Bool { unsafe memcmp(start, contents, contents.count) == 0 }
  func isWiped(_ count: Int) -> Bool { holds([UInt8](repeating: 0, count: count)) }
}

/// Bytes that are never zero, different for each seed, and nowhere the same as a little further on.
private func pattern(_ count: Int, _ seed: Int) -> [UInt8] {
  var bytes = (0..<255).map { UInt8(($0 * 31 + seed * 101) % 255 + 1) }
  while bytes.count < count { bytes += bytes }
  return Array(bytes.prefix(count))
}

/// Everything up to 1040, then sizes around every border of the larger blocks: four steps to each doubling.
private let sizes: [Int] =
  Array(0...1040)
  + (0..<12).flatMap { doubling in
    (1...4).flatMap { step in
      let border = (1024 << doubling) + (256 << doubling) * step
      return [border - 1, border, border + 1].filter { $0 <= largest }
    }
  }

/// Serialised: the heap is for one thread. It has 64 MiB for good, so the test that uses them up comes last.
@Suite("The heap for secrets", .serialized)
struct SecretHeapTests {
  @Test("Memory of every size up to 4 MiB is there, aligned to 16 bytes, all of it one's own")
  func everySize() throws {
    // All kept until the end, the large ones apart: together they are more than the heap has.
    for group in [sizes.filter { $0 <= 64 << 10 }] + sizes.filter({ $0 > 64 << 10 }).map({ [$0] }) {
      var blocks: [(Block, size: Int)] = []
      for size in group {
        let block = try #require(Block(size), "\(size) bytes")
        #expect(block.address % 16 == 0, "\(size) bytes")
        block.fill(pattern(size, size))
        blocks.append((block, size))
      }
      for (block, size) in blocks { #expect(block.holds(pattern(size, size)), "\(size) bytes") }
      for (block, _) in blocks { block.free() }
    }
  }

  @Test(
    "More than 4 MiB is not to be had, whatever the number, and nothing is harmed by asking",
    arguments: [largest + 1, largest + 16, 5 << 20, 64 << 20, 1 << 32, .max - 15, .max, -1, -16])
  func tooLarge(_ size: Int) throws {
    #expect(Block(size) == nil)
    #expect(Block.reallocatedNothing(size) == nil)
    let block = try #require(Block(100))
    block.fill(pattern(100, 1))
    #expect(block.reallocated(size) == nil)
    #expect(block.holds(pattern(100, 1)), "as realloc(3), it leaves what it could not move")
    block.free()
  }

  @Test(
    "What is freed is wiped to the last byte",
    arguments: [1, 15, 16, 17, 1000, 1023, 1024, 1025, 1280, 1281, 4096, 100_000, largest - 1, largest])
  func wiped(_ size: Int) throws {
    let block = try #require(Block(size))
    block.fill(pattern(size, 3))
    block.free()
    #expect(block.isWiped(size))
  }

  @Test("Freeing nothing does nothing")
  func freeNothing() { unsafe secret_free(nil, nil, 0) }

  @Test(
    "Freed memory is used again, the last freed first, for its own size only, and is all zeros",
    arguments: [(33, 48), (1000, 1008), (1025, 1280), (70_000, 81_920)])
  func reuse(_ size: Int, _ most: Int) throws {
    let first = try #require(Block(size))
    let second = try #require(Block(size))
    #expect(first != second)
    first.fill(pattern(size, 4))
    second.fill(pattern(size, 5))
    first.free()
    second.free()
    let larger = try #require(Block(most + 1))
    #expect(larger != first && larger != second)
    #expect(Block(most) == second && second.isWiped(most))
    #expect(Block(size) == first && first.isWiped(size))
    for block in [first, second, larger] { block.free() }
  }

  @Test("A block that grows keeps its contents, and is wiped where it was")
  func grow() throws {
    let steps = [1, 16, 17, 1024, 1025, 5000, 65_536, 1 << 20, largest]
    for (old, new) in zip(steps, steps.dropFirst()) {
      let block = try #require(Block(old))
      block.fill(pattern(old, 6))
      let grown = try #require(block.reallocated(new))
      #expect(grown.holds(pattern(old, 6)) && grown.address % 16 == 0, "\(old) to \(new)")
      #expect(grown == block ? new <= 16 : block.isWiped(old), "\(old) to \(new)")
      // All of the new size is one's own.
      grown.fill(pattern(new, 7))
      let neighbour = try #require(Block(old))
      neighbour.fill(pattern(old, 8))
      #expect(grown.holds(pattern(new, 7)), "\(old) to \(new)")
      neighbour.free()
      grown.free()
      #expect(grown.isWiped(new))
    }
  }

  @Test("A block that grows beyond its room moves; one that shrinks or fits stays, and is wiped whole in the end")
  func moves() throws {
    let block = try #require(Block(100))
    block.fill(pattern(100, 9))
    #expect(block.reallocated(112) == block && block.reallocated(10) == block)
    #expect(block.holds(pattern(100, 9)))
    let moved = try #require(block.reallocated(113))
    #expect(moved != block && moved.holds(pattern(100, 9)) && block.isWiped(112))
    #expect(moved.reallocated(1) == moved)
    moved.free()
    #expect(moved.isWiped(113))
  }

  @Test("Growing from nothing allocates, and shrinking to nothing frees and wipes")
  func nothing() throws {
    let block = try #require(Block.reallocatedNothing(200))
    block.fill(pattern(200, 10))
    #expect(block.reallocated(0) == nil)
    #expect(block.isWiped(200) && Block(200) == block)
    block.free()
  }

  @Test("Any order of calls leaves every block with its own contents")
  func anyOrder() throws {
    var random = UInt64(2_463_534_242)
    func next(_ bound: Int) -> Int {
      random ^= random << 13
      random ^= random >> 7
      random ^= random << 17
      return Int(random % UInt64(bound))
    }
    var blocks: [(block: Block, contents: [UInt8])] = []
    for round in 0..<5_000 {
      // Mostly small sizes, as OpenSSL's.
      let size = 1 + next(next(20) == 0 ? 40_000 : 700)
      let contents = pattern(size, round)
      switch blocks.isEmpty ? 0 : next(blocks.count > 200 ? 3 : 4) {
      case 0, 3:
        let block = try #require(Block(size))
        block.fill(contents)
        blocks.append((block, contents))
      case 1:
        let i = next(blocks.count)
        let block = try #require(blocks[i].block.reallocated(size))
        try #require(block.holds(Array(blocks[i].contents.prefix(size))), "round \(round)")
        block.fill(contents)
        blocks[i] = (block, contents)
      default:
        let (block, contents) = blocks.remove(at: next(blocks.count))
        try #require(block.holds(contents), "round \(round)")
        block.free()
        try #require(block.isWiped(contents.count), "round \(round)")
      }
    }
    for (block, contents) in blocks {
      #expect(block.holds(contents))
      block.free()
    }
  }

  /// The flags of the mapping that a block lies in, as the kernel shows them.
  private func flags(_ block: Block) throws -> [Substring] {
    // Read by C: Foundation may go by a file's size, and those of /proc have none.
    let file = unsafe try #require(fopen("/proc/self/smaps", "r"))
    defer { unsafe fclose(file) }
    var line = [CChar](repeating: 0, count: 4096)
    var isInside = false
    while unsafe fgets(&line, Int32(line.count), file) != nil {
      let text = String(decoding: line.prefix { $0 != 0 && $0 != 0x0A }.map(UInt8.init(bitPattern:)), as: UTF8.self)
      let words = text.split(separator: " ")
      let ends = words.first?.split(separator: "-").compactMap { UInt($0, radix: 16) } ?? []
      if ends.count == 2 { isInside = (ends[0]..<ends[1]).contains(block.address) }
      if isInside, words.first == "VmFlags:" { return Array(words.dropFirst()) }
    }
    return []
  }

  @Test("Forked processes get no copy of any of it once they are not to; here it goes on as before")
  func keptFromChildren() throws {
    let block = try #require(Block(300))
    block.fill(pattern(300, 11))
    // `dc`: fork(2) does not copy the mapping.
    let before = try flags(block)
    #expect(before.contains("rd") && !before.contains("dc"))
    #expect(secret_keep_from_children() == 0)
    #expect(try flags(block).contains("dc") && block.holds(pattern(300, 11)))
    let later = try #require(Block(3 << 20))
    #expect(try flags(later).contains("dc"), "nor of what is allocated later")
    block.free()
    later.free()
  }

  @Test("When the heap is used up there is no more of it, and what is freed can be had again")
  func usedUp() throws {
    var blocks: [Block] = []
    while let block = Block(largest) {
      block.fill(pattern(largest, blocks.count))
      blocks.append(block)
      try #require(blocks.count <= 16, "64 MiB in all")
    }
    for (i, block) in blocks.enumerated() { #expect(block.holds(pattern(largest, i))) }
    let last = try #require(blocks.last)
    #expect(Block.reallocatedNothing(largest) == nil)
    let small = try #require(Block(100))
    small.fill(pattern(100, 12))
    #expect(small.reallocated(largest) == nil && small.holds(pattern(100, 12)))
    small.free()
    last.free()
    #expect(Block(largest) == last && last.isWiped(largest))
    for block in blocks { block.free() }
  }
}
