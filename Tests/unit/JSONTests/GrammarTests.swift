// Which texts are JSON (RFC 8259), rule by rule. Every text is read in two ways: skipped as a whole, and entered value
// by value. Both must accept and refuse the same texts.

import JSON
import Testing

/// Skips the value and expects the end of the text.
func skipWhole(_ text: [UInt8]) throws(JSONError) {
  var reader = JSONReader(text)
  try reader.skip()
  try reader.finish()
}

/// Enters every object and array, and expects the end of the text.
func walkWhole(_ text: [UInt8]) throws(JSONError) {
  var reader = JSONReader(text)
  try walk(&reader)
  try reader.finish()
}

private func walk(_ reader: inout JSONReader) throws(JSONError) {
  switch try reader.peek() {
  case .object:
    try reader.openObject()
    while try reader.nextKey() != nil { try walk(&reader) }
  case .array:
    try reader.openArray()
    while try reader.nextElement() { try walk(&reader) }
  case .string: _ = try reader.string()
  case .number, .boolean, .null: try reader.skip()
  }
}

private func expectAccepted(_ text: [UInt8], _ location: SourceLocation = #_sourceLocation) {
  #expect(throws: Never.self, "skipped", sourceLocation: location) { try skipWhole(text) }
  #expect(throws: Never.self, "entered", sourceLocation: location) { try walkWhole(text) }
}

private func expectRefused(_ text: [UInt8], _ location: SourceLocation = #_sourceLocation) {
  #expect(throws: JSONError.self, "skipped", sourceLocation: location) { try skipWhole(text) }
  #expect(throws: JSONError.self, "entered", sourceLocation: location) { try walkWhole(text) }
}

/// A text by itself, in an array, and as a member's value. The reader must treat all three alike.
private func everywhere(_ text: [UInt8]) -> [[UInt8]] {
  [text, Array("[".utf8) + text + Array("]".utf8), Array(#"{"k":"#.utf8) + text + Array("}".utf8)]
}

@Suite("Texts that are JSON")
struct AcceptedTests {
  @Test(
    "A text may be any kind of value, by itself and inside others",
    arguments: [
      "{}", "[]", #""""#, "0", "true", "false", "null", #""a""#, "[[]]", "[{}]", #"{"a":{}}"#, #"{"":0}"#,
      #"{"a":1,"b":2}"#, "[1,2,3]", #"[null,true,false,"",{},[]]"#, #"{"a":[{"b":[{"c":null}]}]}"#,
      #"{"a":1,"a":2}"#,
    ])
  func values(_ text: String) {
    for text in everywhere(Array(text.utf8)) { expectAccepted(text) }
  }

  @Test(
    "Numbers have an optional minus, no leading zero, and optional fraction and exponent",
    arguments: [
      "0", "-0", "1", "-1", "10", "123456789", "0.0", "0.5", "-0.5", "1.25", "100.001", "0e0", "1e1", "1E1", "1e+1",
      "1e-1", "1E+01", "1E-01", "0.1e1", "-1.5E-07", "1e400", "-1e-400", "0e+00", "1e00",
      "123456789012345678901234567890123456789012345678901234567890", "0.00000000000000000000000000000000000000001",
    ])
  func numbers(_ text: String) {
    for text in everywhere(Array(text.utf8)) { expectAccepted(text) }
  }

  @Test(
    "Strings may contain every escape, and any character except quotes, backslashes and control bytes",
    arguments: [
      #""\"""#, #""\\""#, #""\/""#, #""\b\f\n\r\t""#, #""\u0000""#, #""\u001f""#, #""\u00e9""#, #""\u00E9""#,
      #""\uD834\udd1e""#, #""\ud83d\uDE00""#, #""\ue000""#, #""\uD7FF""#, #""\uFFFF""#, #""\uFFFD""#, #""\\u0061""#,
      #""\\\"""#, "\"\u{7F}\"", "\"/\"", "\"é\"", "\"日本語\"", "\"😀\"", "\"\u{80}\"", "\"\u{7FF}\"", "\"\u{800}\"",
      "\"\u{D7FF}\"", "\"\u{E000}\"", "\"\u{FFFF}\"", "\"\u{10000}\"", "\"\u{10FFFF}\"", "\"\u{2028}\u{2029}\"",
      "\"\u{FEFF}\"", "\"12345678\"", "\"1234567é\"", "\"1234567\\n\"",
      "\"a much longer text, of 44 characters, here\"",
    ])
  func strings(_ text: String) {
    for text in everywhere(Array(text.utf8)) { expectAccepted(text) }
    expectAccepted(Array("{".utf8) + Array(text.utf8) + Array(":0}".utf8))
  }

  @Test(
    "Blanks, tabs, line feeds and carriage returns may stand around every token",
    arguments: [" ", "\t", "\n", "\r", "\r\n", " \t\n\r ", ""])
  func whitespace(_ blank: String) {
    let text = ["", "{", #""a""#, ":", "[", "1", ",", "true", "]", ",", #""b""#, ":", "{", "}", "}", ""]
    expectAccepted(Array(text.joined(separator: blank).utf8))
  }

  @Test("512 levels of arrays, of objects, or of both in turn may nest")
  func deep() {
    expectAccepted(nested(512, "[", "]"))
    expectAccepted(nested(512, #"{"a":"#, "}"))
    expectAccepted(nested(256, #"[{"a":"#, "}]"))
  }

  @Test("Depth counts only levels that are still open")
  func wide() {
    let shallow = "[" + Array(repeating: "[[]]", count: 2000).joined(separator: ",") + "]"
    expectAccepted(Array(shallow.utf8))
  }
}

private func nested(_ levels: Int, _ open: String, _ close: String) -> [UInt8] {
  // The innermost value is `1`.
  Array((String(repeating: open, count: levels) + "1" + String(repeating: close, count: levels)).utf8)
}

@Suite("Texts that are not JSON")
struct RefusedTests {
  @Test("A text without a value is refused", arguments: ["", " ", "\n", "\t\r\n "])
  func empty(_ text: String) {
    expectRefused(Array(text.utf8))
  }

  @Test(
    "Numbers in other notations are refused",
    arguments: [
      "01", "-01", "00", "-", "+1", "1.", ".5", "-.5", "1.e1", "1e", "1e+", "1e-", "1E", "1.5.5", "0x1", "1_000",
      "1,0.",
      "Infinity", "-Infinity", "NaN", "1a", "--1", "-+1", "1e1.5", "1ee1", "0e", "-e1", "１", "1/2", "1 000", "0 1",
      "- 1", "012", "1.0.", "1+1",
    ])
  func numbers(_ text: String) {
    for text in everywhere(Array(text.utf8)) { expectRefused(text) }
  }

  @Test(
    "Words other than true, false and null are refused",
    arguments: [
      "True", "TRUE", "False", "Null", "nul", "nulll", "tru", "truee", "fals", "t", "f", "n", "undefined", "nil",
      "none",
      "a", "'a'", "`a`", "truefalse", "true false", "null null", "\\u0022a\"", "é", "/", "#", "*",
    ])
  func words(_ text: String) {
    for text in everywhere(Array(text.utf8)) { expectRefused(text) }
  }

  @Test(
    "Unknown escapes and halves of surrogate pairs are refused",
    arguments: [
      #""\a""#, #""\x41""#, #""\'""#, #""\0""#, #""\ ""#, #""\U0041""#, #""\u""#, #""\u0""#, #""\u00""#, #""\u004""#,
      #""\u004g""#, #""\u 041""#, #""\u+041""#, #""\u-041""#, #""\uéé""#, "\"\\\n\"", #""\"#, #""\""#, #""\\\""#,
      #""\ud800""#, #""\uDBFF""#, #""\uDC00""#, #""\udfff""#, #""\ud800x""#, #""\ud800\n""#, #""\ud800\u0041""#,
      #""\ud800\ud800""#, #""\uDC00\uD800""#, #""\ud800\\udc00""#, #""\ud800\uDC0""#, #""\ud800\u""#, #""\ud800\"#,
      #""\u0061\udc00""#, #""\ud83d\ude00\ud83d""#,
    ])
  func escapes(_ text: String) {
    for text in everywhere(Array(text.utf8)) { expectRefused(text) }
    expectRefused(Array("{".utf8) + Array(text.utf8) + Array(":0}".utf8))
  }

  @Test("Every control byte is refused inside a string, at any position", arguments: 0..<0x20 as Range<UInt8>)
  func controlBytes(_ byte: UInt8) {
    for before in 0...16 {
      let string = Array("\"".utf8) + Array(repeating: 0x61, count: before) + [byte] + Array("aaaaaaaaaa\"".utf8)
      expectRefused(string)
    }
  }

  @Test(
    "Bytes that are not UTF-8 are refused inside a string, at any position",
    arguments: [
      [0x80], [0xBF], [0xC0], [0xC1], [0xC2], [0xC3, 0x28], [0xC0, 0x80], [0xC1, 0xBF],  // one and two bytes
      [0xE0, 0x80, 0x80], [0xE0, 0x9F, 0xBF], [0xE2, 0x82], [0xE2, 0x28, 0xA1], [0xE2, 0x82, 0x28], [0xE1],
      [0xEF, 0xBF],
      [0xED, 0xA0, 0x80], [0xED, 0xAF, 0xBF], [0xED, 0xB0, 0x80], [0xED, 0xBF, 0xBF],  // surrogates
      [0xED, 0xA0, 0xBD, 0xED, 0xB8, 0x80],  // a pair of them (CESU-8)
      [0xF0, 0x80, 0x80, 0x80], [0xF0, 0x8F, 0xBF, 0xBF], [0xF0, 0x9F, 0x98], [0xF0, 0x9F], [0xF0],
      [0xF0, 0x28, 0x8C, 0xBC], [0xF0, 0x90, 0x28, 0xBC], [0xF0, 0x28, 0x8C, 0x28],
      [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80], [0xFC], [0xFE], [0xFF],
      [0xFF, 0xFE],
    ] as [[UInt8]])
  func utf8(_ bytes: [UInt8]) {
    for before in 0...9 {
      let opening = Array("\"".utf8) + Array(repeating: 0x61, count: before)
      expectRefused(opening + bytes + Array("\"".utf8))
      expectRefused(opening + bytes + Array("aaaaaaaaaa\"".utf8))
      expectRefused(opening + bytes)
    }
    expectRefused(bytes)
    expectRefused(Array("[1,".utf8) + bytes + Array("]".utf8))
  }

  @Test(
    "A byte order mark and UTF-16 are refused",
    arguments: [
      [0xEF, 0xBB, 0xBF, 0x7B, 0x7D], [0xEF, 0xBB, 0xBF], [0xFF, 0xFE, 0x5B, 0, 0x5D, 0],
      [0xFE, 0xFF, 0, 0x5B, 0, 0x5D],
      [0x5B, 0, 0x5D, 0], [0, 0x5B, 0, 0x5D],
    ] as [[UInt8]])
  func byteOrderMarks(_ text: [UInt8]) {
    expectRefused(text)
  }

  @Test(
    "Commas may stand only between members or elements",
    arguments: [
      "[1,]", "[,1]", "[,]", "[1,,2]", "[1 2]", "[1;2]", "[1,2", "[1,", "[1", "[", "[[]", "[1}", "]", "[]]", "[1:2]",
      #"{"a":1,}"#, #"{,"a":1}"#, "{,}", #"{"a":1,,"b":2}"#, #"{"a":1 "b":2}"#, #"{"a":1;"b":2}"#, #"{"a":1,"b"}"#,
      #"{"a":1"#, #"{"a":1,"#, "{", #"{"a""#, #"{"a":"#, #"{"a":}"#, #"{"a"}"#, #"{"a" 1}"#, #"{"a"::1}"#, #"{"a",1}"#,
      #"{:1}"#, "{1:1}", "{a:1}", "{'a':1}", "{null:1}", "{[]:1}", #"{"a":1]"#, "}", "{}}", #"["a":1]"#, #"{"a"=1}"#,
      "[1]]", "[{]}", #"{"a":[}]"#, "[\"a", "\"", "\"a", "{\"a",
    ])
  func structure(_ text: String) {
    expectRefused(Array(text.utf8))
    expectRefused(Array((#"{"k":["# + text + "]}").utf8))
  }

  @Test(
    "Nothing but white space may follow the value",
    arguments: [
      "1", "a", "{}", "[]", ",", ":", "\"\"", "\0", "#", "//", "/**/", "\u{FEFF}", "\u{1A}", "null", "}", "]",
    ])
  func trailing(_ text: String) {
    for value in ["{}", "[]", "\"\"", "true", "{} ", "0 "] { expectRefused(Array((value + text).utf8)) }
  }

  @Test(
    "Comments, and blanks that RFC 8259 does not name, are refused",
    arguments: [
      "/**/", "//\n", "#\n", "\u{0B}", "\u{0C}", "\0", "\u{08}", "\u{1F}", "\u{7F}", "\u{A0}", "\u{85}",
      "\u{2028}", "\u{3000}", "\u{FEFF}",
    ])
  func otherBlanks(_ blank: String) {
    for text in [
      "_1", "1_", "[_1]", "[1_]", "[1,_2]", "[_]", "{_}", #"{_"a":1}"#, #"{"a"_:1}"#, #"{"a":_1}"#, #"{"a":1_}"#,
    ] {
      expectRefused(Array(text.utf8.flatMap { $0 == UInt8(ascii: "_") ? Array(blank.utf8) : [$0] }))
    }
  }

  @Test("The 513th level is refused, closed or not, and so are 100 000 of them")
  func tooDeep() {
    for levels in [513, 100_000] {
      expectRefused(nested(levels, "[", "]"))
      expectRefused(nested(levels, #"{"a":"#, "}"))
      expectRefused(Array(repeating: UInt8(ascii: "["), count: levels))
    }
    expectRefused(nested(257, #"[{"a":"#, "}]"))
  }

  @Test("A text that is cut at any byte is refused")
  func truncated() {
    let text = Array(#"{"a":[1.5e+3,"x\u00e9\ud83d\ude00é😀",true,null,{"b":{}}],"c":"a longer string"}"#.utf8)
    expectAccepted(text)
    for end in 0..<text.count { expectRefused(Array(text[..<end])) }
  }
}
