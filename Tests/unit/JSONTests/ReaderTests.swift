// What the reader returns (keys, decoded strings, offsets), and how its errors give the place of a fault.

import JSON
import Testing

private func reader(_ text: String) -> JSONReader { JSONReader(Array(text.utf8)) }

@Suite("Reading member by member")
struct ReaderTests {
  @Test(
    "Escapes in a key are decoded before it is compared",
    arguments: [
      ("image", true), (#"im\u0061ge"#, true), (#"\u0069\u006d\u0061\u0067\u0065"#, true),
      (#"\u0069\u006D\u0061ge"#, true),
      ("imag", false), ("images", false), ("Image", false), (#"im\\u0061ge"#, false), (#"im\u0041ge"#, false),
      (#"image\u0000"#, false), ("", false), ("ïmage", false),
    ])
  func keys(_ key: String, _ isImage: Bool) throws {
    var reader = reader("{\"\(key)\":1}")
    try reader.openObject()
    let found = try #require(try reader.nextKey())
    #expect(reader.key(found, is: "image") == isImage)
    #expect(reader.isEqual(found, "image") == isImage)
  }

  @Test("Keys and strings are compared byte for byte, without Unicode normalisation")
  func canonicalEquivalence() throws {
    var reader = reader("{\"e\u{301}\":\"\u{E9}\"}")
    try reader.openObject()
    let key = try #require(try reader.nextKey())
    #expect(!reader.key(key, is: "\u{E9}"))
    #expect(reader.key(key, is: "e\u{301}"))
    #expect(!reader.isEqual(try reader.string(), "e\u{301}"))
  }

  @Test(
    "A string is decoded to what its escapes mean",
    arguments: [
      ("", ""), ("plain", "plain"), (#"\""#, "\""), (#"\\"#, "\\"), (#"\/"#, "/"), (#"\b"#, "\u{08}"),
      (#"\f"#, "\u{0C}"),
      (#"\n"#, "\n"), (#"\r"#, "\r"), (#"\t"#, "\t"), (#"\u0000"#, "\0"), (#"\u0041"#, "A"), (#"\u00e9"#, "é"),
      (#"\u00E9"#, "é"), (#"\u20AC"#, "€"), (#"\ud83d\ude00"#, "😀"), (#"\uD800\uDC00"#, "\u{10000}"),
      (#"\uDBFF\uDFFF"#, "\u{10FFFF}"), (#"\uFFFF"#, "\u{FFFF}"), ("é日😀", "é日😀"), (#"\\u0041"#, "\\u0041"),
      (#"a\tb\u0020c😀\n"#, "a\tb c😀\n"), (#"\\\\\""#, "\\\\\""),
    ])
  func decoding(_ written: String, _ meant: String) throws {
    var reader = reader("\"\(written)\"")
    let string = try reader.string()
    #expect(Array(reader.decode(string).utf8) == Array(meant.utf8))
    #expect(reader.decodedBytes(string) == Array(meant.utf8))
    #expect(string.escaped == written.contains("\\"))
    #expect(string.range == 1..<(1 + written.utf8.count), "without its quotes")
  }

  @Test("Members come in the order of the text, and any of them may be skipped")
  func laziness() throws {
    var reader = reader(#" {"skipped":{"deep":[1,{"a":"]}"}]}, "wanted" : "x", "rest":[ ]} "#)
    try reader.openObject()
    let first = try #require(try reader.nextKey())
    #expect(reader.decode(first) == "skipped")
    try reader.skip()
    let second = try #require(try reader.nextKey())
    #expect(reader.decode(second) == "wanted")
    #expect(reader.decode(try reader.string()) == "x")
    let third = try #require(try reader.nextKey())
    #expect(reader.decode(third) == "rest")
    try reader.openArray()
    #expect(try !reader.nextElement())
    #expect(try reader.nextKey() == nil)
    try reader.finish()
  }

  @Test("After peek, the offset is that of the next value; after the value is read or skipped, the offset after it")
  func offsets() throws {
    var reader = reader(#"[ "ab" , 12,{"k": null}]"#)
    #expect(reader.offset == 0)
    try reader.openArray()
    #expect(reader.offset == 1)
    #expect(try reader.nextElement())
    #expect(try reader.peek() == .string)
    #expect(reader.offset == 2)
    _ = try reader.string()
    #expect(reader.offset == 6)
    #expect(try reader.nextElement())
    #expect(try reader.peek() == .number)
    #expect(reader.offset == 9)
    try reader.skip()
    #expect(reader.offset == 11)
    #expect(try reader.nextElement())
    #expect(try reader.peek() == .object)
    #expect(reader.offset == 12)
    try reader.skip()
    #expect(reader.offset == 23)
  }

  @Test("The reader does not look beyond its position")
  func nothingAhead() throws {
    var reader = reader(#"{"a":"x",BROKEN"#)
    try reader.openObject()
    _ = try reader.nextKey()
    #expect(reader.decode(try reader.string()) == "x")
    #expect(throws: JSONError.self) { try reader.nextKey() }
  }

  @Test("A copy moves independently, and a reader can begin at a value that was skipped")
  func copies() throws {
    var reader = reader(#"{"a":["x"],"b":1}"#)
    try reader.openObject()
    _ = try reader.nextKey()
    var copy = reader
    try reader.skip()
    try copy.openArray()
    #expect(try copy.nextElement())
    #expect(copy.decode(try copy.string()) == "x")
    var later = JSONReader(reader.bytes, at: 5)
    try later.openArray()
    #expect(try later.nextElement())
    #expect(later.decode(try later.string()) == "x")
    #expect(reader.decode(try #require(try reader.nextKey())) == "b")
  }

  @Test(
    "The first byte of a value decides its kind",
    arguments: [
      ("{", .object), ("[", .array), ("\"", .string), ("-", .number), ("0", .number), ("9", .number), ("t", .boolean),
      ("f", .boolean), ("n", .null), (" \n\t\r7", .number),
    ] as [(String, JSONKind)])
  func kinds(_ text: String, _ kind: JSONKind) throws {
    var reader = reader(text)
    #expect(try reader.peek() == kind)
  }

  @Test("A value of an unexpected kind is an error that names both kinds, but not the value")
  func wrongKinds() {
    let problems = [
      ("[]", "expected an object, found an array"), ("\"secret\"", "expected an object, found a string"),
      ("42", "expected an object, found a number"), ("true", "expected an object, found a boolean"),
      ("null", "expected an object, found null"),
    ]
    for (text, problem) in problems {
      #expect(throws: JSONError(problem, at: 0)) {
        var reader = reader(text)
        try reader.openObject()
      }
    }
    #expect(throws: JSONError("expected an array, found an object", at: 0)) {
      var reader = reader("{}")
      try reader.openArray()
    }
    #expect(throws: JSONError("expected a string, found an array", at: 1)) {
      var reader = reader(" []")
      _ = try reader.string()
    }
  }
}

@Suite("Places of faults")
struct ErrorTests {
  @Test(
    "The offset is that of the byte at fault, or the end of the text",
    arguments: [
      ("", 0), ("  ", 2), ("[1,]", 3), ("[1 2]", 3), (#"{"a":1,}"#, 7), (#"{"a" 1}"#, 5), ("{} x", 3), ("[01]", 2),
      ("[tru]", 1), ("\"a\nb\"", 2), (#"["\x"]"#, 2), (#"["a\ud800"]"#, 3), ("\"abc", 4), ("[1", 2), ("[-]", 2),
      ("1.", 2),
      (#"{"a":1"#, 6), ("{1:2}", 1),
    ])
  func offset(_ text: String, _ offset: Int) {
    let error = #expect(throws: JSONError.self) { try skipWhole(Array(text.utf8)) }
    #expect(error?.offset == offset)
    let other = #expect(throws: JSONError.self) { try walkWhole(Array(text.utf8)) }
    #expect(other?.offset == offset, "entered")
  }

  @Test("The fault of a text that nests too deep is at the 513th level", arguments: [skipWhole, walkWhole])
  func depth(_ walk: @Sendable ([UInt8]) throws -> Void) {
    let error = #expect(throws: JSONError.self) { try walk(Array(repeating: UInt8(ascii: "["), count: 600)) }
    #expect(error?.offset == 512)
    #expect(error?.problem == "values nest too deep; expected at most 512 levels")
  }

  @Test(
    "Lines and columns count from 1, columns in code points, and the pointer refers to the value at fault",
    arguments: [
      ("", "t:1:1: the text ends; expected a value, at the root"),
      ("\n\n x", "t:3:2: expected a JSON value, at the root"),
      ("[1,\n  2,\n  x]", "t:3:3: expected a JSON value, at /2"),
      (#"{"a":{"b":[0,{"c":tru}]}}"#, "t:1:19: expected a JSON value, at /a/b/1/c"),
      (#"{"é😀":["日本",x]}"#, #"t:1:13: expected a JSON value, at /\u00e9\ud83d\ude00/1"#),
      ("{\"a\":1,\r\n\"b\":x}", "t:2:5: expected a JSON value, at /b"),
      (#"{"a/b~c":x}"#, "t:1:10: expected a JSON value, at /a~1b~0c"),
      (#"{"a":[],"b":{},"c":[[1],[x]]}"#, "t:1:26: expected a JSON value, at /c/1/0"),
      (#"{"a":"x,y:{[","b":x}"#, "t:1:19: expected a JSON value, at /b"),
      (#"{"\u0061\"b":x}"#, #"t:1:14: expected a JSON value, at /a\"b"#),
      (#"{"a":1 "b":2}"#, "t:1:8: expected a comma or the object's end, at /a"),
      ("[1 2]", "t:1:4: expected a comma or the array's end, at /0"),
      // An escape that the end of its string cuts short, followed by brackets.
      (#"{"\u"}}"#, #"t:1:3: a bad \u escape; expected four hexadecimal digits, at the root"#),
      (#"{"\u"},"#, #"t:1:3: a bad \u escape; expected four hexadecimal digits, at the root"#),
      (#"{"a":"\u1"}"#, #"t:1:7: a bad \u escape; expected four hexadecimal digits, at /a"#),
      (#"{"a":"\ud800\u"}}"#, #"t:1:13: a bad \u escape; expected four hexadecimal digits, at /a"#),
      (#"{"a":"\u00"#, "t:1:11: the text ends inside a string, at /a"),
      ("{} {}", "t:1:4: expected nothing after the value, at the root"),
    ])
  func message(_ text: String, _ message: String) {
    let bytes = Array(text.utf8)
    let error = #expect(throws: JSONError.self) { try skipWhole(bytes) }
    #expect(error?.message(name: "t", in: bytes) == message)
  }

  @Test("A pointer contains no control characters, and is cut after 200 characters")
  func longPointers() {
    #expect(jsonPointer(to: 9, in: Array("{\"\u{1B}[2J\":1}".utf8)) == #"/\u001b[2J"#)
    let text = Array(("{\"" + String(repeating: "k", count: 5000) + "\":x}").utf8)
    let pointer = jsonPointer(to: text.count - 2, in: text)
    #expect(pointer == "/" + String(repeating: "k", count: 199) + "...")
  }

  @Test("No problem quotes the text")
  func nothingQuoted() {
    let texts = [
      #"{"a":"hunter2"#, #"["hunter2\x"]"#, "hunter2", #"["hunter2" "hunter2"]"#, #"{"a":hunter2}"#,
      #""hunter2" hunter2"#,
      "\"hunter2\n\"",
    ]
    for text in texts {
      let error = #expect(throws: JSONError.self) { try skipWhole(Array(text.utf8)) }
      #expect(error?.message(name: "t", in: Array(text.utf8)).contains("hunter2") == false)
    }
  }
}
