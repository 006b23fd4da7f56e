// The heap for OpenSSL's memory: it must behave like malloc, and wipe what is freed.

import CLinux
import Foundation
import Testing

/// 4 MiB, the largest block.
private let largest = 4 << 20

/// A block of the heap, live or freed. The heap never returns memory to the system, so freed memory can be inspected.
@safe private struct Block: Equatable {
  private let start: UnsafeMutableRawPointer

  private init?(_ memory: UnsafeMutableRawPointer?) {
    guard let memory = unsafe memory else { return nil }
    unsafe start = memory
  }

  init?(_ size: Int) { unsafe self.init(secret_allocate(size, nil, 0)) }

  /// Like realloc(3) with a null pointer.
  static func reallocatedNothing(_ size: Int) -> Block? { unsafe Block(secret_reallocate(nil, size, nil, 0)) }
  func reallocated(_ size: Int) -> Block? { unsafe Block(secret_reallocate(start, size, nil, 0)) }
  func free() { unsafe secret_free(start, nil, 0) }

  var address: UInt { UInt(bitPattern: start) }

  func fill(_ contents: [UInt8]) { unsafe start.copyMemory(from: contents, byteCount: contents.count) }

  /// Compares in C, because the tests are not optimised.
  func holds(_ contents: [UInt8]) -> Bool { unsafe memcmp(start, contents, contents.count) == 0 }
  func isWiped(_ count: Int) -> Bool { holds([UInt8](repeating: 0, count: count)) }
}

/// Bytes that are never zero, differ for each seed, and do not repeat at short distances.
private func pattern(_ count: Int, _ seed: Int) -> [UInt8] {
  var bytes = (0..<255).map { UInt8(($0 * 31 + seed * 101) % 255 + 1) }
  while bytes.count < count { bytes += bytes }
  return Array(bytes.prefix(count))
}

/// All sizes up to 1040, then sizes around each border of the larger blocks: four steps per doubling.
private let sizes: [Int] =
  Array(0...1040)
  + (0..<12).flatMap { doubling in
    (1...4).flatMap { step in
      let border = (1024 << doubling) + (256 << doubling) * step
      return [border - 1, border, border + 1].filter { $0 <= largest }
    }
  }

/// Serialised, because the heap is not thread-safe. It never grows beyond 64 MiB, so the test that exhausts it is the
/// last.
@Suite("The heap for secrets", .serialized)
struct SecretHeapTests {
  @Test("Blocks of every size up to 4 MiB are aligned to 16 bytes and do not overlap")
  func everySize() throws {
    // All blocks are kept until the end. The large ones are tested one at a time, because together they exceed the
    // heap.
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
    "More than 4 MiB is refused, without harm to other blocks",
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
    "Freed memory is wiped to the last byte",
    arguments: [1, 15, 16, 17, 1000, 1023, 1024, 1025, 1280, 1281, 4096, 100_000, largest - 1, largest])
  func wiped(_ size: Int) throws {
    let block = try #require(Block(size))
    block.fill(pattern(size, 3))
    block.free()
    #expect(block.isWiped(size))
  }

  @Test("Freeing a null pointer does nothing")
  func freeNothing() { unsafe secret_free(nil, nil, 0) }

  @Test(
    "Freed memory is reused for the same block size, last freed first, and is zero",
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

  @Test("A block that grows keeps its contents, and its old memory is wiped")
  func grow() throws {
    let steps = [1, 16, 17, 1024, 1025, 5000, 65_536, 1 << 20, largest]
    for (old, new) in zip(steps, steps.dropFirst()) {
      let block = try #require(Block(old))
      block.fill(pattern(old, 6))
      let grown = try #require(block.reallocated(new))
      #expect(grown.holds(pattern(old, 6)) && grown.address % 16 == 0, "\(old) to \(new)")
      #expect(grown == block ? new <= 16 : block.isWiped(old), "\(old) to \(new)")
      // The whole new size is usable.
      grown.fill(pattern(new, 7))
      let neighbour = try #require(Block(old))
      neighbour.fill(pattern(old, 8))
      #expect(grown.holds(pattern(new, 7)), "\(old) to \(new)")
      neighbour.free()
      grown.free()
      #expect(grown.isWiped(new))
    }
  }

  @Test("A block that outgrows its size moves; one that shrinks or fits stays, and all of it is wiped when freed")
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

  @Test("Reallocating a null pointer allocates, and reallocating to size 0 frees and wipes")
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
      // Mostly small sizes, as OpenSSL allocates.
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

  /// The flags of the mapping that contains a block, from /proc/self/smaps.
  private func flags(_ block: Block) throws -> [Substring] {
    // Read with C functions: Foundation may rely on a file's size, and files in /proc have none.
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

  @Test("The heap can be excluded from forks, and stays usable in this process")
  func keptFromChildren() throws {
    let block = try #require(Block(300))
    block.fill(pattern(300, 11))
    // `dc` means that fork(2) does not copy the mapping.
    let before = try flags(block)
    #expect(before.contains("rd") && !before.contains("dc"))
    #expect(secret_exclude_from_forks() == 0)
    #expect(try flags(block).contains("dc") && block.holds(pattern(300, 11)))
    let later = try #require(Block(3 << 20))
    #expect(try flags(later).contains("dc"), "nor of what is allocated later")
    block.free()
    later.free()
  }

  @Test("An exhausted heap refuses to allocate, and freed memory can be allocated again")
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
