// The log: one line for each event on standard error, as JSON or for people.

import CPOSIX
import Glibc
import JSON
import POSIX

public enum LogFormat: String, CaseIterable, Sendable {
  case json
  case text
}

public enum LogLevel: String, CaseIterable, Sendable {
  case info, warning, error
}

/// Where lines go, and how they look.
public struct Log: Sendable {
  public let format: LogFormat
  public let isDebug: Bool
  private var descriptor: Int32

  public init(format: LogFormat, isDebug: Bool) {
    self.format = format
    self.isDebug = isDebug
    // Opened once more, so that writing does not block and other programs that have it do not notice.
    let own = posix_reopen(2)
    descriptor = own < 0 ? 2 : own
  }

  /// The same log, with its lines going elsewhere.
  func to(_ descriptor: Int32) -> Log {
    var log = self
    log.descriptor = descriptor
    return log
  }

  /// No fields yet.
  public var fields: LogFields { LogFields(format) }

  /// Writes a line. One that cannot be written has nowhere else to go; nothing waits for a reader that is slow.
  public func write(_ level: LogLevel, _ message: String, _ fields: LogFields? = nil) {
    writeInTime(line(level, message, fields), to: descriptor, patience: 50, mayBlock: descriptor == 2)
  }

  /// Writes a line that was made before, in a confined process, which cannot wait: without room for it, it is lost.
  func writeOnce(_ line: [UInt8]) { AcceptLoop.writeOnce(line, to: descriptor) }

  /// Bounds this process, for good, to its lines in the log, if that is a file, and no other file.
  func limitFiles() -> Bool { posix_limit_files(descriptor, 64 << 20) == 0 }

  /// Whether standard error can be given away: lines go out by another descriptor.
  var leavesStandardError: Bool { descriptor != 2 }

  /// A whole line: time, level and message, then the fields.
  func line(_ level: LogLevel, _ message: String, _ fields: LogFields?, at time: LogTime = .now) -> [UInt8] {
    var line: [UInt8] = []
    line.reserveCapacity(128 + message.utf8.count + (fields?.bytes.count ?? 0))
    switch format {
    case .json:
      line.append("{\"time\":\"0000-00-00T00:00:00.000Z\",\"level\":\"")
      var bytes = line.mutableSpan
      bytes.set(time, at: 9)
      line.append(level.rawValue)
      line.append("\",\"message\":")
      line.appendJSONString(message)
      if let fields { line += fields.bytes }
      line.append("}\n")
    case .text:
      line.append("0000-00-00T00:00:00.000Z ")
      var bytes = line.mutableSpan
      bytes.set(time, at: 0)
      line.append(level.rawValue)
      line.append(": ")
      line.append(asciiEscaped(message))
      if let fields { line += fields.bytes }
      line.append("\n")
    }
    return line
  }
}

/// The time of a line.
struct LogTime {
  fileprivate var time = timespec()

  static var now: LogTime {
    var now = LogTime()
    unsafe clock_gettime(CLOCK_REALTIME, &now.time)
    return now
  }
}

/// What a line tells beside time, level and message.
public struct LogFields: Sendable {
  private(set) var bytes: [UInt8] = []
  private let format: LogFormat

  init(_ format: LogFormat) {
    self.format = format
    bytes.reserveCapacity(400)
  }

  /// Fields that another process wrote.
  init(written bytes: ArraySlice<UInt8>, _ format: LogFormat) {
    self.init(format)
    self.bytes += bytes
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
    bytes.append(microseconds, decimals: 6)
  }

  private mutating func begin(_ name: String) {
    if format == .json {
      bytes.append(UInt8(ascii: ","))
      bytes.append(UInt8(ascii: "\""))
      bytes.append(name)
      bytes.append(UInt8(ascii: "\""))
      bytes.append(UInt8(ascii: ":"))
    } else {
      bytes.append(UInt8(ascii: " "))
      bytes.append(name)
      bytes.append(UInt8(ascii: "="))
    }
  }
}

/// A number of parts as a decimal fraction: 1500000 with six digits is `1.500000`.
func decimal(_ parts: Int, digits: Int) -> String {
  var text: [UInt8] = []
  text.append(parts, decimals: digits)
  return String(decoding: text, as: UTF8.self)
}

extension [UInt8] {
  /// Appends a number of parts as a decimal fraction.
  fileprivate mutating func append(_ parts: Int, decimals: Int) {
    var one = 1
    for _ in 0..<decimals { one *= 10 }
    append(String(parts / one))
    append(UInt8(ascii: "."))
    let start = count
    append(contentsOf: repeatElement(0, count: decimals))
    var bytes = mutableSpan
    bytes.set(parts % one, digits: decimals, at: start)
  }
}

extension MutableSpan<UInt8> {
  /// Sets the digits of `0000-00-00T00:00:00.000Z`, which begins at the offset, to a time: RFC 3339, in UTC.
  fileprivate mutating func set(_ time: LogTime, at start: Int) {
    let now = time.time
    let (year, month, day) = civilDate(daysSince1970: now.tv_sec / 86_400)
    let second = now.tv_sec % 86_400
    set(year, digits: 4, at: start)
    set(month, digits: 2, at: start + 5)
    set(day, digits: 2, at: start + 8)
    set(second / 3600, digits: 2, at: start + 11)
    set(second / 60 % 60, digits: 2, at: start + 14)
    set(second % 60, digits: 2, at: start + 17)
    set(now.tv_nsec / 1_000_000, digits: 3, at: start + 20)
  }

  fileprivate mutating func set(_ number: Int, digits: Int, at start: Int) {
    var (rest, i) = (number, start + digits)
    while i > start {
      i -= 1
      self[i] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    }
  }
}

/// The date so many days after 1 January 1970. gmtime_r(3) reads the time zone first, and takes locks.
///
/// Years are counted from 1 March, so that a leap day is the last of its year, in eras of 400 years, which are all alike
/// (146 097 days).
func civilDate(daysSince1970 days: Int) -> (year: Int, month: Int, day: Int) {
  let day = days + 719_468
  let era = day / 146_097
  let dayOfEra = day % 146_097
  let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
  let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
  let monthFromMarch = (5 * dayOfYear + 2) / 153
  let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
  return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
}
