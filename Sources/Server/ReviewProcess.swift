// The review process: a child of the connection process that answers one review, within limits, and exits.

import CLinux
import Glibc
import HTTP1
import System

/// The limits of a review process.
struct ReviewLimits {
  /// The limit of mapped memory in bytes (RLIMIT_AS). The reserve for a review is already mapped when it starts, so no
  /// more can be mapped.
  let addressSpace: Int
  /// In milliseconds.
  let timeout: Int
  /// Whether a seccomp filter confines the process.
  let isConfined: Bool

  /// Applies the limits to this process, permanently; `false` if that fails. The timer is the first limit. RLIMIT_CPU,
  /// in whole seconds, is the second.
  ///
  /// - Parameter usedCPUSeconds: CPU time that this process has already used, in seconds.
  func apply(usedCPUSeconds: UInt64 = 0) -> Bool {
    posix_limit(UInt64(addressSpace), usedCPUSeconds + UInt64(timeout / 1000 + 2)) == 0
      && posix_set_timer(Int32(timeout)) == 0
  }
}

/// Runs reviews in child processes, for one connection.
struct ReviewRunner {
  /// The pipes that every review of this connection writes to: its answer, and its standard error with what the Swift
  /// runtime prints on a crash. They are shared because creating and closing a pipe costs more than the data that goes
  /// through it.
  ///
  /// Their writing ends are file descriptors 1 and 0 of this process, so that a review needs no lookup.
  private let answers: Descriptor
  private let errorOutput: Descriptor
  private let format: LogFormat

  init(_ limits: ReviewLimits, format: LogFormat) throws(SystemError) {
    self.format = format
    let answers = try Pipe()
    let errorOutput: Pipe
    do throws(SystemError) {
      // One page. The kernel grants a user 16 384 pages of pipe buffers; beyond that, new pipes get too small for an
      // answer.
      errorOutput = try Pipe(capacity: 4096)
    } catch {
      answers.close()
      throw error
    }
    dup2(answers.writing.number, 1)
    dup2(errorOutput.writing.number, 0)
    answers.writing.close()
    errorOutput.writing.close()
    posix_make_blocking(1)
    if limits.isConfined { posix_keep_clock_from_children() }
    self.answers = answers.reading
    self.errorOutput = errorOutput.reading
  }

  /// Closes the reading ends. Needed after an unconfined review, whose own children may still hold the writing ends.
  func close() {
    answers.close()
    errorOutput.close()
  }

  enum Completion {
    case answered(ReviewOutcome)
    case failed(ReviewFault, errorOutput: String)
    /// The pipes or the process could not be created.
    case notStarted(SystemError)
  }

  /// Forks a review process, waits for it, and returns its outcome.
  func run(_ body: [UInt8], _ limits: ReviewLimits, _ answer: ([UInt8]) -> ReviewOutcome) -> Completion {
    let parent = getpid()
    let child = posix_fork_alone()
    if child == 0 { runReview(body, limits, answer, parent) }
    guard child > 0 else { return .notStarted(.last) }
    let (frame, exit) = awaitEnd(of: child, before: .after(milliseconds: limits.timeout))
    guard let exit, exit != -SIGALRM else { return failed(.deadline) }
    if exit < 0 { return failed(.signal(-exit)) }
    guard exit == 0, frame.count <= ReviewOutcome.largestFrame, let outcome = ReviewOutcome(frame: frame, format) else {
      return failed(.noAnswer)
    }
    // Discard what it printed, or the next failure would be reported with it.
    if posix_bytes_waiting(errorOutput.number) > 0 { _ = try? errorOutput.tryRead(atMost: 64 * 1024) }
    return .answered(outcome)
  }

  private func runReview(
    _ body: [UInt8], _ limits: ReviewLimits, _ answer: ([UInt8]) -> ReviewOutcome, _ parent: pid_t
  ) -> Never {
    if posix_die_with(parent) == 0 || posix_close_all_but_standard() != 0 { _exit(1) }
    dup2(0, 2)
    Glibc.close(0)
    guard limits.apply(), posix_limit_files(-1, 0) == 0 else { _exit(1) }
    if limits.isConfined, posix_confine_review() != 0 {
      writeOnce(Array(("seccomp: " + SystemError.last.description).utf8), to: 2)
      _exit(1)
    }
    let frame = answer(body).frame
    _exit((try? Descriptor.output.write(frame)) == nil ? 1 : 0)
  }

  /// Waits for a review process to exit, and reads what it writes, up to the size of a frame. At the deadline it kills
  /// the process; `exit` is then `nil`.
  private func awaitEnd(of child: pid_t, before deadline: Deadline) -> (frame: [UInt8], exit: Int32?) {
    // Most answers fit into the pipe. Waiting for the exit rather than for the first byte means one wakeup instead of
    // two.
    var exit: Int32 = 0
    var hasEnded = unsafe posix_reap_soon(child, min(10, deadline.milliseconds), &exit) == child
    var isKilled = false
    var frame: [UInt8] = []
    while true {
      // Read no more than is there: a larger buffer would touch more pages of the heap, and each touched page makes the
      // next fork slower.
      let bytes = (try? answers.tryRead(atMost: Int(max(0, posix_bytes_waiting(answers.number))))) ?? []
      if frame.isEmpty { frame = bytes } else if frame.count <= ReviewOutcome.largestFrame { frame += bytes }
      if hasEnded { return (frame, isKilled ? nil : exit) }
      if deadline.milliseconds == 0 {
        kill(child, SIGKILL)
        _ = unsafe posix_reap(child, 1, &exit)
        (hasEnded, isKilled) = (true, true)
      } else if ReviewOutcome.isComplete(frame) {
        hasEnded = unsafe posix_reap_soon(child, min(10, deadline.milliseconds), &exit) == child
      } else {
        let soon = Deadline.after(milliseconds: min(10, Int(deadline.milliseconds)))
        _ = wait(for: answers.number, POLLIN, before: soon)
        hasEnded = unsafe posix_reap(child, 0, &exit) == child
      }
    }
  }

  private func failed(_ fault: ReviewFault) -> Completion {
    let words = (try? errorOutput.tryRead(atMost: 64 * 1024)) ?? []
    // The first line says the most.
    return .failed(fault, errorOutput: String(decoding: words.prefix { $0 != 0x0A }, as: UTF8.self))
  }
}

// A frame: an outcome as it goes through the pipe. Numbers, image counts, log fields, body. The reader trusts none of
// it.
extension ReviewOutcome {
  static let largestFrame = 16 << 20
  private static let headBytes = 16

  var frame: [UInt8] {
    var frame: [UInt8] = []
    frame.reserveCapacity(ReviewOutcome.headBytes + Report.size + fields.bytes.count + body.count)
    frame.append(contentsOf: repeatElement(0, count: ReviewOutcome.headBytes + Report.size))
    putLittleEndian(UInt16(status.rawValue), into: &frame, at: 0)
    frame[2] = result.rawValue
    frame[3] = UInt8(LogLevel.allCases.firstIndex(of: level) ?? 0)
    putLittleEndian(UInt32(fields.bytes.count), into: &frame, at: 4)
    putLittleEndian(UInt64(body.count), into: &frame, at: 8)
    let counts = Report.review(result, microseconds: 0, images: images, labels: 0)
    counts.write(into: &frame, at: ReviewOutcome.headBytes)
    frame += fields.bytes
    frame += body
    return frame
  }

  /// Whether all bytes that the header announces have arrived, so that only the exit is left to wait for.
  fileprivate static func isComplete(_ frame: [UInt8]) -> Bool {
    let numbers = frame.span
    return frame.count >= headBytes
      && UInt64(frame.count) >= UInt64(headBytes + Report.size) &+ littleEndianNumber(numbers, at: 4, bytes: 4)
        &+ littleEndianNumber(numbers, at: 8, bytes: 8)
  }

  init?(frame: [UInt8], _ format: LogFormat) {
    let head = ReviewOutcome.headBytes + Report.size
    let numbers = frame.span
    guard frame.count >= head, let status = Status(rawValue: Int(littleEndianNumber(numbers, at: 0, bytes: 2))),
      let result = ReviewResult(rawValue: frame[2]), Int(frame[3]) < LogLevel.allCases.count,
      case .review(_, _, let images, _)? = Report(frame[ReviewOutcome.headBytes..<head])
    else { return nil }
    let fieldsEnd = head + Int(littleEndianNumber(numbers, at: 4, bytes: 4))
    guard fieldsEnd <= frame.count, littleEndianNumber(numbers, at: 8, bytes: 8) == frame.count - fieldsEnd else {
      return nil
    }
    let fields = frame[head..<fieldsEnd]
    guard fields.reduce(0xFF, min) >= 0x20 else { return nil }
    self.init(
      status: status, body: Array(frame[fieldsEnd...]), result: result, images: images,
      level: LogLevel.allCases[Int(frame[3])], fields: LogFields(written: fields, format))
  }
}
