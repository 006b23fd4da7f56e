// libyaml's events as Swift values: their content, their places, and the errors for text that is not valid YAML.

import Testing
import YAML

private func events(_ text: [UInt8]) throws(YAMLError) -> [YAMLEvent] {
  var parser = YAMLParser(text[...])
  var events: [YAMLEvent] = []
  repeat { events.append(try parser.next()) } while events.last?.kind != .streamEnd
  return events
}

private func events(_ text: String) throws(YAMLError) -> [YAMLEvent] { try events(Array(text.utf8)) }

/// The events within a text's only document.
private func node(_ text: String) throws -> [YAMLEvent] {
  let all = try events(text)
  try #require(all.count >= 4)
  #expect(all.prefix(2).map(\.kind) == [.streamStart, .documentStart])
  #expect(all.suffix(2).map(\.kind) == [.documentEnd, .streamEnd])
  return Array(all.dropFirst(2).dropLast(2))
}

@Suite("Events")
struct EventTests {
  @Test(
    "Every kind of node has its events",
    arguments: [
      ("a", [.scalar("a", isPlain: true)]),
      ("[]", [.sequenceStart, .sequenceEnd]),
      ("{}", [.mappingStart, .mappingEnd]),
      ("- a\n- b\n", [.sequenceStart, .scalar("a", isPlain: true), .scalar("b", isPlain: true), .sequenceEnd]),
      ("k: v\n", [.mappingStart, .scalar("k", isPlain: true), .scalar("v", isPlain: true), .mappingEnd]),
      ("k:\n", [.mappingStart, .scalar("k", isPlain: true), .scalar("", isPlain: true), .mappingEnd]),
      (
        "k: [*a, {x: y}]\n",
        [
          .mappingStart, .scalar("k", isPlain: true), .sequenceStart, .alias, .mappingStart,
          .scalar("x", isPlain: true),
          .scalar("y", isPlain: true), .mappingEnd, .sequenceEnd, .mappingEnd,
        ]
      ),
      (
        #"{"json": ["is", 1, null]}"#,
        [
          .mappingStart, .scalar("json", isPlain: false), .sequenceStart, .scalar("is", isPlain: false),
          .scalar("1", isPlain: true), .scalar("null", isPlain: true), .sequenceEnd, .mappingEnd,
        ]
      ),
    ] as [(String, [YAMLEvent.Kind])])
  func shapes(_ text: String, _ kinds: [YAMLEvent.Kind]) throws {
    #expect(try node(text).map(\.kind) == kinds)
  }

  @Test(
    "A scalar has its value, and is plain if it was written without quotes",
    arguments: [
      ("true", "true", true), ("'true'", "true", false), (#""true""#, "true", false),
      ("|\n  a\n  b\n", "a\nb\n", false),
      (">\n  a\n  b\n", "a b\n", false), ("a b # comment", "a b", true), ("''", "", false),
      (#""\u00e9\t""#, "é\t", false),
      ("'it''s'", "it's", false), ("日本", "日本", true), (#""a\0b""#, "a\0b", false), ("~", "~", true),
    ])
  func scalars(_ text: String, _ value: String, _ isPlain: Bool) throws {
    #expect(try node(text).map(\.kind) == [.scalar(value, isPlain: isPlain)])
  }

  @Test("hasTag is true only for a node with an explicit tag", arguments: ["!!str a", "!x [a]", "!!map {a: b}", "! a"])
  func tags(_ text: String) throws {
    #expect(try node(text)[0].hasTag)
    #expect(try !node(String(text.drop { $0 != " " }))[0].hasTag)
  }

  @Test("A text that is empty or has only comments has no document", arguments: ["", "\n", "# nothing\n", "   "])
  func empty(_ text: String) throws {
    #expect(try events(text).map(\.kind) == [.streamStart, .streamEnd])
  }

  @Test("Each document has a start and an end event")
  func documents() throws {
    let kinds = try events("a\n---\nb\n...\n").map(\.kind)
    #expect(kinds.count { $0 == .documentStart } == 2)
    #expect(kinds.count { $0 == .documentEnd } == 2)
  }

  @Test("A parser can be dropped half-way, and several can exist at once")
  func lifetimes() throws {
    for _ in 0..<100 {
      var first = YAMLParser(Array("a: [b, c]".utf8)[...])
      var second = YAMLParser(Array("x".utf8)[...])
      #expect(try first.next().kind == .streamStart)
      #expect(try second.next().kind == .streamStart)
    }
  }
}

@Suite("Marks")
struct MarkTests {
  @Test("Lines and columns count from 1, in code points")
  func marks() throws {
    let text = """
      # a comment
      mirrors:
        docker.io: "proxy"
        日本: [ä, b]
      """
    let starts = try node(text).compactMap { event -> String? in
      guard case .scalar(let text, _) = event.kind else { return nil }
      return "\(text) \(event.start.line):\(event.start.column)"
    }
    #expect(starts == ["mirrors 2:1", "docker.io 3:3", "proxy 3:14", "日本 4:3", "ä 4:8", "b 4:11"])
  }

  @Test("CR LF is a single line break")
  func lineEnds() throws {
    let last = try node("a: 1\r\nb: 2\r\n")[3]
    #expect(last.kind == .scalar("b", isPlain: true))
    #expect(last.start == (try node("a: 1\nb: 2\n")[3].start))
  }
}

@Suite("Syntax errors")
struct YAMLErrorTests {
  @Test(
    "An error has a place and a description; a missing end is reported on the line after it",
    arguments: [
      ("a: b: c", 1, 5), ("a: [1, 2\n", 2, 1), ("- a\nb: [\n", 2, 1), ("k: 'open", 1, 9), ("\tk: v", 1, 1),
      ("a:\n  - b\n c: d\n", 3, 2),
      ("k: @x", 1, 4), ("%YAML 9.9\n---\n", 1, 1), ("{a, b\n", 2, 1), ("a: \"\\q\"", 1, 5),
    ])
  func places(_ text: String, _ line: Int, _ column: Int) {
    let error = #expect(throws: YAMLError.self) { try events(text) }
    #expect(error.map { [$0.mark.line, $0.mark.column] } == [line, column])
    #expect(error?.problem.isEmpty == false)
  }

  @Test(
    "Bytes that are not UTF-8, and control characters, are errors",
    arguments: [
      [0xFF], [0x61, 0x3A, 0x20, 0xC3, 0x28], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0x61, 0x00, 0x62], [0x61, 0x01],
      [0xF8],
    ] as [[UInt8]])
  func encodings(_ text: [UInt8]) {
    #expect(throws: YAMLError.self) { try events(text) }
  }

  @Test("Endless nesting is an error and does not crash")
  func nesting() {
    let text = Array(repeating: UInt8(ascii: "["), count: 20_000)
    #expect(throws: YAMLError.self) { try events(text) }
  }
}
