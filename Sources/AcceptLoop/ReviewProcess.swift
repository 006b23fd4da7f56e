// The process of one review: forked from its connection, bounded in everything, and gone with its answer.

import CPOSIX
import Glibc
import HTTP1
import POSIX

/// What bounds a review.
struct ReviewLimits {
  /// Bytes that may be mapped in all: what is mapped has the review's memory in reserve, so nothing can be added.
  let addressSpace: Int
  /// Milliseconds.
  let timeout: Int
  /// Whether the kernel has a sandbox.
  let hasSandbox: Bool

  /// Bounds this process, for good; `false` where that fails. CPU time is counted in whole seconds, and is the second line.
  func enter() -> Bool {
    posix_limit(UInt64(addressSpace), UInt64(timeout / 1000 + 2)) == 0 && posix_set_timer(Int32(timeout)) == 0
  }
}

/// Runs reviews in processes of their own, on behalf of one connection.
struct ReviewRunner {
  /// What a review writes to standard error; its runtime's last words.
  private let lastWords: Descriptor
  private let standardError: Int32
  private let format: LogFormat

  init(format: LogFormat) throws(SystemError) {
    self.format = format
    var ends: [Int32] = [0, 0]
    guard unsafe posix_pipe(&ends, 1, 0) == 0 else { throw .last }
    lastWords = Descriptor(number: ends[0])
    standardError = ends[1]
  }

  enum Ended {
    case answered(ReviewOutcome)
    case failed(ReviewFault, lastWords: String)
    /// There is no process or pipe for a review now.
    case notStarted(SystemError)
  }

  /// Forks a process that answers a body, and waits for what it says.
  func run(_ body: [UInt8], _ limits: ReviewLimits, _ answer: ([UInt8]) -> ReviewOutcome) -> Ended {
    var ends: [Int32] = [0, 0]
    guard unsafe posix_pipe(&ends, 0, 0) == 0 else { return .notStarted(.last) }
    let parent = getpid()
    let child = fork()
    if child == 0 { runReview(body, limits, answer, answerTo: ends[1], parent) }
    let error = SystemError.last
    close(ends[1])
    guard child > 0 else {
      close(ends[0])
      return .notStarted(error)
    }
    let (frame, isInTime) = readFrame(Descriptor(number: ends[0]), before: .after(milliseconds: limits.timeout))
    // Who still writes gets an error.
    close(ends[0])
    let isTooLarge = frame.count > ReviewOutcome.largestFrame
    // Without a sandbox, nothing makes sure that it ends when its answer is whole.
    if !isInTime || isTooLarge || !limits.hasSandbox { kill(child, SIGKILL) }
    var exit: Int32 = 0
    _ = unsafe posix_reap(child, 1, &exit)
    if isTooLarge { return failed(.noAnswer) }
    if !isInTime || exit == -SIGALRM { return failed(.deadline) }
    let isKilled = exit == -SIGKILL && !limits.hasSandbox
    if exit < 0 && !isKilled { return failed(.signal(-exit)) }
    guard exit == 0 || isKilled, let outcome = ReviewOutcome(frame: frame, format) else { return failed(.noAnswer) }
    // What it said is not to be taken for the last words of another.
    if posix_bytes_waiting(lastWords.number) > 0 { _ = try? lastWords.read(atMost: 64 * 1024) }
    return .answered(outcome)
  }

  private func runReview(
    _ body: [UInt8], _ limits: ReviewLimits, _ answer: ([UInt8]) -> ReviewOutcome, answerTo pipe: Int32, _ parent: pid_t
  ) -> Never {
    if posix_die_with(parent) == 0 { _exit(1) }
    dup2(standardError, 2)
    dup2(pipe, 1)
    posix_close_from(3)
    close(0)
    guard limits.enter(), posix_enter_sandbox() == 0 || !limits.hasSandbox else { _exit(1) }
    let frame = answer(body).frame
    posix_leave_sandbox((try? Descriptor.output.write(frame)) == nil ? 1 : 0)
  }

  /// Reads an outcome, or what there is of it until the process ends; `false` when that did not come in time.
  private func readFrame(_ pipe: Descriptor, before deadline: Deadline) -> ([UInt8], Bool) {
    var frame: [UInt8] = []
    // Most answers fit the pipe: to wait for the end of the process, not for its first byte, is to wake up once.
    _ = wait(for: pipe.number, 0, before: .after(milliseconds: min(10, Int(deadline.milliseconds))))
    do throws(SystemError) {
      while frame.count <= ReviewOutcome.largestFrame {
        guard try pipe.isReadable(before: deadline) else { return ([], false) }
        let bytes = try pipe.read(atMost: frame.isEmpty ? 4 * 1024 : 256 * 1024)
        if bytes.isEmpty { return (frame, true) }
        if frame.isEmpty { frame = bytes } else { frame += bytes }
        if ReviewOutcome.isWhole(frame) { return (frame, true) }
      }
    } catch {}
    return (frame, true)
  }

  private func failed(_ fault: ReviewFault) -> Ended {
    let words =
      (try? lastWords.isReadable(before: .after(milliseconds: 0))) == true
      ? (try? lastWords.read(atMost: 64 * 1024)) ?? [] : []
    // The first line tells the most.
    return .failed(fault, lastWords: String(decoding: words.prefix { $0 != 0x0A }, as: UTF8.self))
  }
}

// An outcome on its way through a pipe: numbers, counts, fields of the log and body. The reader trusts none of it.
extension ReviewOutcome {
  static let largestFrame = 16 << 20
  private static let headBytes = 16
  private static let emptyHead = [UInt8](repeating: 0, count: headBytes + Report.size)

  var frame: [UInt8] {
    var frame = ReviewOutcome.emptyHead
    frame.reserveCapacity(frame.count + fields.bytes.count + body.count)
    put(UInt16(status.rawValue), into: &frame, at: 0)
    frame[2] = result.rawValue
    frame[3] = UInt8(LogLevel.allCases.firstIndex(of: level) ?? 0)
    put(UInt32(fields.bytes.count), into: &frame, at: 4)
    put(UInt64(body.count), into: &frame, at: 8)
    let counts = Report.review(result, microseconds: 0, images: images, labels: 0)
    counts.write(into: &frame, at: ReviewOutcome.headBytes)
    frame += fields.bytes
    frame += body
    return frame
  }

  /// Whether as much is there as the numbers announce.
  fileprivate static func isWhole(_ frame: [UInt8]) -> Bool {
    frame.count >= headBytes
      && UInt64(frame.count) >= UInt64(headBytes + Report.size) + number(frame.span, at: 4, bytes: 4)
        &+ number(frame.span, at: 8, bytes: 8)
  }

  init?(frame: [UInt8], _ format: LogFormat) {
    let head = ReviewOutcome.headBytes + Report.size
    let numbers = frame.span
    guard frame.count >= head, let status = Status(rawValue: Int(number(numbers, at: 0, bytes: 2))),
      let result = ReviewResult(rawValue: frame[2]), Int(frame[3]) < LogLevel.allCases.count,
      case .review(_, _, let images, _)? = Report(frame[ReviewOutcome.headBytes..<head])
    else { return nil }
    let fieldsEnd = head + Int(number(numbers, at: 4, bytes: 4))
    guard fieldsEnd <= frame.count, number(numbers, at: 8, bytes: 8) == frame.count - fieldsEnd else { return nil }
    let fields = frame[head..<fieldsEnd]
    guard fields.reduce(0xFF, min) >= 0x20 else { return nil }
    self.init(
      status: status, body: Array(frame[fieldsEnd...]), result: result, images: images,
      level: LogLevel.allCases[Int(frame[3])], fields: LogFields(written: fields, format))
  }
}
