// The log: one line per event on standard error, as JSON or as text for people.

import CLinux
import Glibc
import JSON
import System

public enum LogFormat: String, CaseIterable, Sendable {
  case json
  case text
}

public enum LogLevel: String, CaseIterable, Sendable {
  case info, warning, error
}

/// Where log lines go, and in which format.
public struct Log: Sendable {
  public let format: LogFormat
  public let isDebug: Bool
  private var descriptor: Int32

  public init(format: LogFormat, isDebug: Bool) {
    self.format = format
    self.isDebug = isDebug
    // Reopened as a new open file description: O_NONBLOCK then does not affect other programs that share standard
    // error.
    let reopened = posix_reopen(2)
    descriptor = reopened < 0 ? 2 : reopened
  }

  /// A copy that writes to another file descriptor.
  func writing(to descriptor: Int32) -> Log {
    var log = self
    log.descriptor = descriptor
    return log
  }

  /// Empty fields in this log's format.
  public var fields: LogFields { LogFields(format) }

  /// Writes a line. Waits at most 50 ms for a slow reader, then drops the line. There is nowhere to report a failure
  /// to.
  public func write(_ level: LogLevel, _ message: String, _ fields: LogFields? = nil) {
    writeInTime(line(level, message, fields), to: descriptor, patience: 50, mayBlock: descriptor == 2)
  }

  /// Writes a prepared line in one call. For a confined process, which cannot poll: without room in the pipe, the line
  /// is dropped.
  func writeOnce(_ line: [UInt8]) { Server.writeOnce(line, to: descriptor) }

  /// Limits, permanently, the size of files that this process may write: to the log's size plus 64 MiB if the log is a
  /// regular file, otherwise to 0.
  func limitFileSizes() -> Bool { posix_limit_files(descriptor, 64 << 20) == 0 }

  /// Whether the log has a file descriptor of its reopened, so that standard error can be redirected.
  var hasOwnDescriptor: Bool { descriptor != 2 }

  /// Formats a whole line: time, level and message, then the fields.
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

/// The time stamp of a log line.
struct LogTime {
  fileprivate var time = timespec()

  static var now: LogTime {
    var now = LogTime()
    unsafe clock_gettime(CLOCK_REALTIME, &now.time)
    return now
  }
}

/// The fields of a log line after time, level and message, already formatted.
public struct LogFields: Sendable {
  private(set) var bytes: [UInt8] = []
  private let format: LogFormat

  init(_ format: LogFormat) {
    self.format = format
    bytes.reserveCapacity(400)
  }

  /// Takes over fields that another process formatted.
  init(written bytes: ArraySlice<UInt8>, _ format: LogFormat) {
    self.init(format)
    self.bytes += bytes
  }

  /// Adds a string, cut to 253 bytes: the longest name in Kubernetes.
  public mutating func add(_ name: String, _ value: String) {
    let value = value.utf8.count <= 253 ? value : String(decoding: value.utf8.prefix(250), as: UTF8.self) + "..."
    appendName(name)
    if format == .json { bytes.appendJSONString(value) } else { bytes.append(quoted(value)) }
  }

  /// Adds a string unless it is `nil`.
  public mutating func add(_ name: String, _ value: String?) {
    if let value { add(name, value) }
  }

  public mutating func add(_ name: String, _ value: Int) {
    appendName(name)
    bytes.append(String(value))
  }

  public mutating func add(_ name: String, _ value: Bool) {
    appendName(name)
    bytes.append(value ? "true" : "false")
  }

  /// Adds a duration, written in seconds with six decimals.
  mutating func add(_ name: String, microseconds: Int) {
    appendName(name)
    bytes.append(microseconds, decimals: 6)
  }

  private mutating func appendName(_ name: String) {
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

/// Formats an integer count of decimal fractions: 1500000 with six digits is `1.500000`.
func decimal(_ parts: Int, digits: Int) -> String {
  var text: [UInt8] = []
  text.append(parts, decimals: digits)
  return String(decoding: text, as: UTF8.self)
}

extension [UInt8] {
  /// Appends an integer count of decimal fractions.
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
  /// Overwrites the digits of the template `0000-00-00T00:00:00.000Z` at an offset with a time: RFC 3339, in UTC.
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

/// The date of a day, counted from 1 January 1970. Not gmtime_r(3), which reads the time zone and takes locks first.
///
/// Years begin on 1 March here, so that the leap day is the last day of its year. All eras of 400 years have the same
/// length, 146 097 days.
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
