// Log lines: whatever a client put into a name, a line stays a single line of valid JSON or printable text.

import Foundation
import Testing

@testable import Server

private let logs: [LogFormat: Log] = Dictionary(
  uniqueKeysWithValues: LogFormat.allCases.map { ($0, Log(format: $0, isDebug: false)) })

/// A whole line without its line feed. Checks that it contains no other control character.
private func line(
  _ level: LogLevel, _ message: String, _ fields: LogFields?, _ format: LogFormat = .json
) throws -> [UInt8] {
  let line = try #require(logs[format]).line(level, message, fields)
  #expect(line.last == 0x0A)
  #expect(!line.dropLast().contains { $0 < 0x20 }, "one line")
  return line.dropLast()
}

/// A JSON line, parsed by Foundation.
private func parsed(
  _ fields: LogFields? = nil, _ level: LogLevel = .info, _ message: String = "m"
) throws -> [String: Any] {
  let bytes = try line(level, message, fields)
  return try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
}

/// A value after a round trip through a JSON line.
private func logged(_ value: String) throws -> String {
  var fields = LogFields(.json)
  fields.add("value", value)
  fields.add("after", 1)
  let members = try parsed(fields)
  #expect(members.count == 5 && members["after"] as? Int == 1)
  return try #require(members["value"] as? String)
}

private let texts = [
  "", "web-0", "a\"b", "a\\b", "\\\"", "a\nb\r\tc", "\0\u{01}\u{1F}", "\u{1B}[2J", "\u{7F}", "é", "日本", "😀",
  "\u{2028}\u{2029}", "\u{85}", "{\"level\":\"error\"}", "\"}\n{\"message\":\"forged\"", "\u{FFFD}\u{FEFF}",
]

@Suite("Log lines")
struct LogTests {
  @Test("A JSON line has time, level and message, then the added fields with their types")
  func members() throws {
    var fields = try #require(logs[.json]).fields
    fields.add("text", "x")
    fields.add("none", nil as String?)
    fields.add("some", "y" as String?)
    fields.add("number", -5)
    fields.add("yes", true)
    fields.add("no", false)
    fields.add("duration", microseconds: 1_234_567)
    let members = try parsed(fields, .warning, "review")
    #expect(
      Set(members.keys) == ["time", "level", "message", "text", "some", "number", "yes", "no", "duration"])
    #expect(members["level"] as? String == "warning" && members["message"] as? String == "review")
    #expect(members["text"] as? String == "x" && members["some"] as? String == "y")
    let written = String(decoding: try line(.warning, "review", fields), as: UTF8.self)
    #expect(
      written.hasSuffix(
        #","level":"warning","message":"review","text":"x","some":"y","number":-5,"yes":true,"no":false,"duration":1.234567}"#
      ))
  }

  @Test("A line with nil fields equals a line with empty fields", arguments: LogFormat.allCases)
  func noFields(_ format: LogFormat) throws {
    let afterTime = format == .json ? #","level":"info","message":"m"}"# : " info: m"
    for fields in [nil, LogFields(format)] {
      let written = String(decoding: try line(.info, "m", fields, format), as: UTF8.self)
      #expect(written.hasSuffix("Z" + (format == .json ? "\"" : "") + afterTime))
    }
  }

  @Test(
    "Each level is written by its name",
    arguments: zip(LogLevel.allCases, ["info", "warning", "error"]))
  func levels(_ level: LogLevel, _ name: String) throws {
    #expect(LogLevel.allCases.count == 3)
    #expect(try parsed(nil, level)["level"] as? String == name)
    #expect(String(decoding: try line(level, "m", nil, .text), as: UTF8.self).hasSuffix("Z " + name + ": m"))
  }

  @Test("The time is now, in RFC 3339 format, UTC, to the millisecond")
  func time() throws {
    let time = try #require(try parsed()["time"] as? String)
    #expect(time.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil)
    let formatter = ISO8601DateFormatter()
    formatter.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
    let date = try #require(formatter.date(from: time))
    #expect(abs(date.timeIntervalSinceNow) < 60)
    let inText = String(decoding: try line(.info, "m", nil, .text), as: UTF8.self)
    #expect(formatter.date(from: String(inText.prefix(24))) != nil && inText.dropFirst(24) == " info: m")
  }

  @Test("A string survives a JSON line, as a value and as the message", arguments: texts)
  func json(_ text: String) throws {
    #expect(Array(try logged(text).utf8) == Array(text.utf8))
    let message = try #require(try parsed(nil, .info, text)["message"] as? String)
    #expect(Array(message.utf8) == Array(text.utf8))
  }

  @Test("A text line is printable ASCII, and a value cannot end its quotes", arguments: texts)
  func text(_ text: String) throws {
    var fields = LogFields(.text)
    fields.add("name", text)
    fields.add("count", 3)
    fields.add("ok", true)
    let bytes = try line(.info, text, fields, .text)
    let written = String(decoding: bytes, as: UTF8.self)
    #expect(bytes.allSatisfy { $0 >= 0x20 && $0 < 0x7F })
    #expect(written.hasSuffix(" count=3 ok=true"))
    // Values are quoted as JSON strings.
    let start = try #require(written.range(of: " name=", options: .backwards)).upperBound
    let value = written[start...].dropLast(" count=3 ok=true".utf8.count)
    let read = try JSONSerialization.jsonObject(with: Data(value.utf8), options: .fragmentsAllowed) as? String
    #expect(read.map { Array($0.utf8) } == Array(text.utf8))
  }

  @Test("A value of up to 253 bytes is kept; a longer one is cut, with dots", arguments: [252, 253, 254, 255, 10_000])
  func length(_ length: Int) throws {
    let value = String(repeating: "a", count: length)
    #expect(try logged(value) == (length <= 253 ? value : String(repeating: "a", count: 250) + "..."))
  }

  @Test("A cut within a character leaves valid JSON and all characters before it", arguments: ["é", "日", "😀"])
  func cut(_ character: String) throws {
    for before in 240...256 {
      for format in LogFormat.allCases {
        let value = String(repeating: "a", count: before) + String(repeating: character, count: 10)
        var fields = LogFields(format)
        fields.add("value", value)
        #expect(String(validating: try line(.info, "m", fields, format), as: UTF8.self) != nil)
        guard format == .json else { continue }
        let written = try #require(try parsed(fields)["value"] as? String)
        #expect(written.hasPrefix(String(repeating: "a", count: min(before, 250))) && written.hasSuffix("..."))
        // Half a character is decoded as U+FFFD, which has three bytes.
        #expect(written.utf8.count <= 255)
        let whole = written.dropLast(3).filter { $0 != "\u{FFFD}" }
        #expect(value.hasPrefix(whole) && whole.utf8.count > 250 - character.utf8.count)
      }
    }
  }

  @Test("A line with many long values of any bytes is valid")
  func many() throws {
    var fields = LogFields(.json)
    for (i, text) in texts.enumerated() { fields.add("v\(i)", String(repeating: text, count: 300)) }
    #expect(try parsed(fields).count == texts.count + 3)
  }
}

@Suite("Dates")
struct DateTests {
  /// The proleptic Gregorian calendar in UTC.
  private static let calendar = {
    var calendar = Calendar(identifier: .iso8601)
    calendar.timeZone = .gmt
    return calendar
  }()

  @Test("All 84 006 days from 1970 to 2199 have the date that Foundation gives them")
  func everyDay() {
    var day = 0
    while true {
      let date = Date(timeIntervalSince1970: TimeInterval(day) * 86_400)
      let expected = DateTests.calendar.dateComponents([.year, .month, .day], from: date)
      if expected.year == 2200 { break }
      let (year, month, dayOfMonth) = civilDate(daysSince1970: day)
      if year != expected.year || month != expected.month || dayOfMonth != expected.day {
        Issue.record("day \(day): \(year)-\(month)-\(dayOfMonth), expected \(expected)")
        return
      }
      day += 1
    }
    #expect(day == 84_006)
  }

  @Test(
    "Days at the borders of months, leap years, centuries and eras have the right date",
    arguments: [
      (-719_468, 0, 3, 1), (-1, 1969, 12, 31), (0, 1970, 1, 1), (58, 1970, 2, 28), (59, 1970, 3, 1),
      (364, 1970, 12, 31), (365, 1971, 1, 1), (789, 1972, 2, 29), (790, 1972, 3, 1),
      (10_956, 1999, 12, 31), (10_957, 2000, 1, 1),
      (11_016, 2000, 2, 29), (11_017, 2000, 3, 1), (11_322, 2000, 12, 31), (47_540, 2100, 2, 28), (47_541, 2100, 3, 1),
      (84_005, 2199, 12, 31), (84_006, 2200, 1, 1), (157_112, 2400, 2, 28), (157_113, 2400, 2, 29),
      (157_114, 2400, 3, 1), (2_932_896, 9999, 12, 31),
    ])
  func edges(_ days: Int, _ year: Int, _ month: Int, _ day: Int) {
    let date = civilDate(daysSince1970: days)
    #expect(date.year == year && date.month == month && date.day == day)
  }
}

@Suite("Decimal fractions")
struct DecimalTests {
  @Test(
    "A count of fractions is written with the given number of decimals",
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
  @Test("Signals of crashes are distinguished from those of limits and kills")
  func crashes() {
    #expect((1...64).filter { isCrash($0) } == [4, 5, 6, 7, 8, 11, 31])
  }

  @Test(
    "A signal is named, or written as its number",
    arguments: [(4, "SIGILL"), (6, "SIGABRT"), (9, "SIGKILL"), (11, "SIGSEGV"), (31, "SIGSYS"), (40, "40")])
  func names(_ signal: Int32, _ name: String) {
    #expect(signalName(signal) == name)
  }
}
