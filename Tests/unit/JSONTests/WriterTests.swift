// Writing JSON strings, and making texts from outside safe for terminals. Foundation is the independent reader.

import Foundation
import JSON
import Testing

private let texts = [
  "", "plain", "\"", "\\", "/", "\u{08}\u{0C}\n\r\t", "\0", "\u{1F}", "\u{7F}", "é", "日本語", "😀", "\u{10FFFF}",
  "\u{2028}",
  "a\"b\\c\nd", "</script>", "a\u{FEFF}", "e\u{301}",
]

@Suite("Writing JSON")
struct WriterTests {
  @Test("Both Foundation and the project's own reader read a written string back unchanged", arguments: texts)
  func roundTrip(_ text: String) throws {
    var out: [UInt8] = []
    out.appendJSONString(text)
    let read = try #require(
      try JSONSerialization.jsonObject(with: Data(out), options: .fragmentsAllowed) as? String)
    #expect(Array(read.utf8) == Array(text.utf8))
    var reader = JSONReader(out)
    #expect(Array(reader.decode(try reader.string()).utf8) == Array(text.utf8))
    try reader.finish()
  }

  @Test("A slice of bytes is written like the same text", arguments: texts)
  func parts(_ text: String) {
    var (whole, part) = ([UInt8](), [UInt8]())
    whole.appendJSONString(text)
    part.appendJSONString((Array("\"x".utf8) + Array(text.utf8) + Array("y\n".utf8)).dropFirst(2).dropLast(2))
    #expect(part == whole)
  }

  @Test("Control bytes, quotes and backslashes are escaped, and no other ASCII byte is")
  func escapes() {
    for scalar in 0..<0x80 as Range<UInt8> {
      var out: [UInt8] = []
      out.appendJSONString(String(Unicode.Scalar(scalar)))
      if scalar < 0x20 {
        #expect(out.allSatisfy { $0 >= 0x20 } && out.count == 8)
      } else if scalar == 0x22 || scalar == 0x5C {
        #expect(out == [0x22, 0x5C, scalar, 0x22])
      } else {
        #expect(out == [0x22, scalar, 0x22])
      }
    }
  }

  @Test("Appending keeps the bytes that were there")
  func appends() {
    var out = Array("[".utf8)
    out.appendJSONString("a")
    out.append(",1]")
    #expect(out == Array(#"["a",1]"#.utf8))
  }
}

@Suite("Texts for people")
struct ASCIITests {
  @Test(
    "Everything but printable ASCII is escaped as in JSON",
    arguments: [
      ("plain text ~!", "plain text ~!"), ("", ""), ("a\"b", #"a\"b"#), ("a\\b", #"a\\b"#), ("\n", #"\u000a"#),
      ("\u{1B}[31m", #"\u001b[31m"#), ("\0", #"\u0000"#), ("\u{7F}", #"\u007f"#), ("é", #"\u00e9"#), ("€", #"\u20ac"#),
      ("😀", #"\ud83d\ude00"#), ("\u{202E}", #"\u202e"#), ("e\u{301}", #"e\u0301"#),
    ])
  func escaped(_ text: String, _ shown: String) {
    #expect(asciiEscaped(text) == shown)
    #expect(quoted(text) == "\"" + shown + "\"")
  }

  @Test("An escaped text is read back unchanged", arguments: texts)
  func roundTrip(_ text: String) throws {
    let shown = quoted(text)
    #expect(shown.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F })
    var reader = JSONReader(Array(shown.utf8))
    #expect(Array(reader.decode(try reader.string()).utf8) == Array(text.utf8))
  }
}
