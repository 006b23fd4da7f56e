// Lines of the log: whatever a client wrote into a name, a line stays one line, valid JSON or printable text.

import Foundation
import Testing

@testable import AcceptLoop

/// A finished line, read by Foundation.
private func parsed(_ line: LogLine) throws -> [String: Any] {
  let bytes = line.bytes + Array("}".utf8)
  #expect(!bytes.contains { $0 < 0x20 }, "one line")
  return try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
}

/// What becomes of a value in a JSON line.
private func logged(_ value: String) throws -> String {
  var line = LogLine(.info, "m", .json)
  line.add("value", value)
  line.add("after", 1)
  let members = try parsed(line)
  #expect(members.count == 5 && members["after"] as? Int == 1)
  return try #require(members["value"] as? String)
}

private let texts = [
  "", "web-0", "a\"b", "a\\b", "\\\"", "a\nb\r\tc", "\0\u{01}\u{1F}", "\u{1B}[2J", "\u{7F}", "é", "日本", "😀",
  "\u{2028}\u{2029}", "\u{85}", "{\"level\":\"error\"}", "\"}\n{\"message\":\"forged\"", "\u{FFFD}\u{FEFF}",
]

@Suite("Lines of the log")
struct LogTests {
  @Test("A line in JSON has time, level and message, and then what was added, each as the kind that it is")
  func members() throws {
    var line = LogLine(.warning, "review", .json)
    line.add("text", "x")
    line.add("none", nil as String?)
    line.add("some", "y" as String?)
    line.add("number", -5)
    line.add("yes", true)
    line.add("no", false)
    line.add("duration", microseconds: 1_234_567)
    let members = try parsed(line)
    #expect(
      Set(members.keys) == ["time", "level", "message", "text", "some", "number", "yes", "no", "duration"])
    #expect(members["level"] as? String == "warning" && members["message"] as? String == "review")
    #expect(members["text"] as? String == "x" && members["some"] as? String == "y")
    let written = String(decoding: line.bytes, as: UTF8.self)
    #expect(
      written.hasSuffix(
        #","level":"warning","message":"review","text":"x","some":"y","number":-5,"yes":true,"no":false,"duration":1.234567"#
      ))
  }

  @Test("The levels have their names", arguments: [(LogLevel.debug, "debug"), (.info, "info"), (.error, "error")])
  func levels(_ level: LogLevel, _ name: String) throws {
    #expect(try parsed(LogLine(level, "m", .json))["level"] as? String == name)
  }

  @Test("The time is RFC 3339 in UTC, to the millisecond, and now")
  func time() throws {
    let time = try #require(try parsed(LogLine(.info, "m", .json))["time"] as? String)
    #expect(time.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil)
    let formatter = ISO8601DateFormatter()
    formatter.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
    let date = try #require(formatter.date(from: time))
    #expect(abs(date.timeIntervalSinceNow) < 60)
    let inText = String(decoding: LogLine(.info, "m", .text).bytes, as: UTF8.self)
    #expect(formatter.date(from: String(inText.prefix(24))) != nil && inText.hasSuffix("Z info: m"))
  }

  @Test("A text comes out of a JSON line as it went in, in a value, a name and the message", arguments: texts)
  func json(_ text: String) throws {
    #expect(Array(try logged(text).utf8) == Array(text.utf8))
    let message = try #require(try parsed(LogLine(.info, text, .json))["message"] as? String)
    #expect(Array(message.utf8) == Array(text.utf8))
    var line = LogLine(.info, "m", .json)
    line.add("x" + text, 1)
    #expect(try parsed(line).keys.contains("x" + text))
  }

  @Test("A line for people is printable ASCII, with values in quotes that they cannot end", arguments: texts)
  func text(_ text: String) throws {
    var line = LogLine(.info, text, .text)
    line.add("name", text)
    line.add("count", 3)
    line.add("ok", true)
    let written = String(decoding: line.bytes, as: UTF8.self)
    #expect(line.bytes.allSatisfy { $0 >= 0x20 && $0 < 0x7F })
    #expect(written.hasSuffix(" count=3 ok=true"))
    // A value is quoted as a JSON string is.
    let start = try #require(written.range(of: " name=", options: .backwards)).upperBound
    let value = written[start...].dropLast(" count=3 ok=true".utf8.count)
    let read = try JSONSerialization.jsonObject(with: Data(value.utf8), options: .fragmentsAllowed) as? String
    #expect(read.map { Array($0.utf8) } == Array(text.utf8))
  }

  @Test("A value of 253 bytes is kept, and a longer one cut with dots", arguments: [252, 253, 254, 255, 10_000])
  func length(_ length: Int) throws {
    let value = String(repeating: "a", count: length)
    #expect(try logged(value) == (length <= 253 ? value : String(repeating: "a", count: 250) + "..."))
  }

  @Test("A cut within a character leaves valid JSON, and of the value what was whole", arguments: ["é", "日", "😀"])
  func cut(_ character: String) throws {
    for before in 240...256 {
      for format in LogFormat.allCases {
        let value = String(repeating: "a", count: before) + String(repeating: character, count: 10)
        var line = LogLine(.info, "m", format)
        line.add("value", value)
        #expect(String(validating: line.bytes, as: UTF8.self) != nil)
        guard format == .json else { continue }
        let written = try #require(try parsed(line)["value"] as? String)
        #expect(written.hasPrefix(String(repeating: "a", count: min(before, 250))) && written.hasSuffix("..."))
        // A character that was cut apart is U+FFFD, which has three bytes.
        #expect(written.utf8.count <= 255)
        let whole = written.dropLast(3).filter { $0 != "\u{FFFD}" }
        #expect(value.hasPrefix(whole) && whole.utf8.count > 250 - character.utf8.count)
      }
    }
  }

  @Test("A line of many long values of any bytes is valid")
  func many() throws {
    var line = LogLine(.info, "m", .json)
    for (i, text) in texts.enumerated() { line.add("v\(i)", String(repeating: text, count: 300)) }
    #expect(try parsed(line).count == texts.count + 3)
  }
}

@Suite("Decimal fractions")
struct DecimalTests {
  @Test(
    "A number of parts has as many decimals as it has digits",
    arguments: [
      (0, 6, "0.000000"), (1, 6, "0.000001"), (999_999, 6, "0.999999"), (1_000_000, 6, "1.000000"),
      (1_500_000, 6, "1.500000"), (12_345_678, 6, "12.345678"), (100_000, 6, "0.100000"), (5, 1, "0.5"),
      (10, 1, "1.0"), (1234, 3, "1.234"), (.max, 6, "9223372036854.775807"),
    ])
  func table(_ parts: Int, _ digits: Int, _ text: String) {
    #expect(decimal(parts, digits: digits) == text)
  }
}

@Suite("Signals")
struct SignalTests {
  @Test("Signals of crashes are told from those that end a process for a limit or by wish")
  func crashes() {
    #expect((1...64).filter { isCrash($0) } == [4, 5, 6, 7, 8, 11, 31])
  }

  @Test(
    "A signal has its name, and one without its number",
    arguments: [(4, "SIGILL"), (6, "SIGABRT"), (9, "SIGKILL"), (11, "SIGSEGV"), (31, "SIGSYS"), (40, "40")])
  func names(_ signal: Int32, _ name: String) {
    #expect(signalName(signal) == name)
  }
}
