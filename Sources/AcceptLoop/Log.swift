// The log: one line for each event on standard error, as JSON or for people.

import Glibc
import JSON
import POSIX

public enum LogFormat: String, CaseIterable, Sendable {
  case json
  case text
}

public enum LogLevel: String, Sendable {
  case debug, info, warning, error
}

/// Where lines go, and how they look.
public struct Log: Sendable {
  public let format: LogFormat
  public let isDebug: Bool

  public init(format: LogFormat, isDebug: Bool) {
    self.format = format
    self.isDebug = isDebug
  }

  /// Begins a line.
  public func line(_ level: LogLevel, _ message: String) -> LogLine { LogLine(level, message, format) }

  /// Writes a line. One that cannot be written has nowhere else to go; nothing waits for a reader that is slow.
  public func write(_ line: LogLine) {
    writeInTime(line.finished, to: 2)
  }

  /// Writes a line that needs no more than its message.
  public func write(_ level: LogLevel, _ message: String) { write(line(level, message)) }
}

/// One line in the making: time, level, message, and what is added.
public struct LogLine: Sendable {
  private(set) var bytes: [UInt8] = []
  private let format: LogFormat

  init(_ level: LogLevel, _ message: String, _ format: LogFormat) {
    self.format = format
    bytes.reserveCapacity(512)
    switch format {
    case .json:
      bytes.append("{\"time\":\"")
      bytes.append(timestamp())
      bytes.append("\",\"level\":\"")
      bytes.append(level.rawValue)
      bytes.append("\",\"message\":")
      bytes.appendJSONString(message)
    case .text:
      bytes.append(timestamp())
      bytes.append(" ")
      bytes.append(level.rawValue)
      bytes.append(": ")
      bytes.append(asciiEscaped(message))
    }
  }

  /// A line that another process began.
  init(begun bytes: [UInt8], _ format: LogFormat) {
    self.bytes = bytes
    self.format = format
  }

  /// Adds a text, at most 253 bytes of it: as long as names in Kubernetes are.
  public mutating func add(_ name: String, _ value: String) {
    let value = value.utf8.count <= 253 ? value : String(decoding: value.utf8.prefix(250), as: UTF8.self) + "..."
    begin(name)
    if format == .json { bytes.appendJSONString(value) } else { bytes.append(quoted(value)) }
  }

  /// Adds a text if there is one.
  public mutating func add(_ name: String, _ value: String?) {
    if let value { add(name, value) }
  }

  public mutating func add(_ name: String, _ value: Int) {
    begin(name)
    bytes.append(String(value))
  }

  public mutating func add(_ name: String, _ value: Bool) {
    begin(name)
    bytes.append(value ? "true" : "false")
  }

  /// Adds a time, in seconds.
  mutating func add(_ name: String, microseconds: Int) {
    begin(name)
    bytes.append(decimal(microseconds, digits: 6))
  }

  private mutating func begin(_ name: String) {
    if format == .json {
      bytes.append(",")
      bytes.appendJSONString(name)
      bytes.append(":")
    } else {
      bytes.append(" ")
      bytes.append(name)
      bytes.append("=")
    }
  }

  fileprivate var finished: [UInt8] {
    var line = bytes
    line.append(format == .json ? "}\n" : "\n")
    return line
  }
}

/// A number of parts as a decimal fraction: 1500000 with six digits is `1.500000`.
func decimal(_ parts: Int, digits: Int) -> String {
  var fraction = String(parts)
  while fraction.utf8.count <= digits { fraction = "0" + fraction }
  let point = fraction.utf8.index(fraction.utf8.endIndex, offsetBy: -digits)
  return String(fraction[..<point]) + "." + String(fraction[point...])
}

/// The time of day as RFC 3339 has it, in UTC, to the millisecond.
private func timestamp() -> String {
  var now = timespec()
  unsafe clock_gettime(CLOCK_REALTIME, &now)
  var parts = unsafe tm()
  var seconds = now.tv_sec
  unsafe gmtime_r(&seconds, &parts)
  let date = unsafe [
    padded(Int(parts.tm_year) + 1900, 4), padded(Int(parts.tm_mon) + 1, 2), padded(Int(parts.tm_mday), 2),
  ]
  let time = unsafe [padded(Int(parts.tm_hour), 2), padded(Int(parts.tm_min), 2), padded(Int(parts.tm_sec), 2)]
  return date.joined(separator: "-") + "T" + time.joined(separator: ":") + "." + padded(now.tv_nsec / 1_000_000, 3)
    + "Z"
}

private func padded(_ number: Int, _ width: Int) -> String {
  let text = String(number)
  return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
}
