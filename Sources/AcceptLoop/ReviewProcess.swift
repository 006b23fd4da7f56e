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
  /// Whether a seccomp filter confines it.
  let isConfined: Bool

  /// Bounds this process, for good; `false` where that fails. CPU time is counted in whole seconds, and is the second line.
  ///
  /// - Parameter used: the CPU time that the process has used before, in seconds.
  func enter(used: UInt64 = 0) -> Bool {
    posix_limit(UInt64(addressSpace), used + UInt64(timeout / 1000 + 2)) == 0 && posix_set_timer(Int32(timeout)) == 0
  }
}

/// Runs reviews in processes of their own, on behalf of one connection.
struct ReviewRunner {
  /// Where outcomes arrive, and what a review writes to standard error, its runtime's last words: pipes that every review
  /// writes to, for making and closing one costs more than what goes through it. Their other ends are this process's own
  /// standard output and input, so that a review need not look for them.
  private let answers: Descriptor
  private let lastWords: Descriptor
  private let format: LogFormat

  init(_ limits: ReviewLimits, format: LogFormat) throws(SystemError) {
    self.format = format
    let answers = try Pipe()
    let lastWords: Pipe
    do throws(SystemError) {
      // A page: a user's pipes have 16 384 in all, and those made after these are used up hold little of an answer.
      lastWords = try Pipe(capacity: 4096)
    } catch {
      answers.close()
      throw error
    }
    dup2(answers.writing.number, 1)
    dup2(lastWords.writing.number, 0)
    answers.writing.close()
    lastWords.writing.close()
    posix_make_blocking(1)
    if limits.isConfined { posix_keep_clock_from_children() }
    self.answers = answers.reading
    self.lastWords = lastWords.reading
  }

  /// Closes the reading ends: a review that was not confined may have left the writing ones to processes of its own.
  func close() {
    answers.close()
    lastWords.close()
  }

  enum Ended {
    case answered(ReviewOutcome)
    case failed(ReviewFault, lastWords: String)
    /// There is no process or pipe for a review now.
    case notStarted(SystemError)
  }

  /// Forks a process that answers a body, and waits for what it says.
  func run(_ body: [UInt8], _ limits: ReviewLimits, _ answer: ([UInt8]) -> ReviewOutcome) -> Ended {
    let parent = getpid()
    let child = posix_fork_alone()
    if child == 0 { runReview(body, limits, answer, parent) }
    guard child > 0 else { return .notStarted(.last) }
    let (frame, exit) = watch(child, before: .after(milliseconds: limits.timeout))
    guard let exit, exit != -SIGALRM else { return failed(.deadline) }
    if exit < 0 { return failed(.signal(-exit)) }
    guard exit == 0, frame.count <= ReviewOutcome.largestFrame, let outcome = ReviewOutcome(frame: frame, format) else {
      return failed(.noAnswer)
    }
    // What it said is not to be taken for the last words of another.
    if posix_bytes_waiting(lastWords.number) > 0 { _ = try? lastWords.tryRead(atMost: 64 * 1024) }
    return .answered(outcome)
  }

  private func runReview(
    _ body: [UInt8], _ limits: ReviewLimits, _ answer: ([UInt8]) -> ReviewOutcome, _ parent: pid_t
  ) -> Never {
    if posix_die_with(parent) == 0 || posix_keep_standard() != 0 { _exit(1) }
    dup2(0, 2)
    Glibc.close(0)
    guard limits.enter(), posix_limit_files(-1, 0) == 0 else { _exit(1) }
    if limits.isConfined, posix_confine_review() != 0 {
      writeOnce(Array(("seccomp: " + SystemError.last.description).utf8), to: 2)
      _exit(1)
    }
    let frame = answer(body).frame
    _exit((try? Descriptor.output.write(frame)) == nil ? 1 : 0)
  }

  /// Waits for the end of a review's process, and reads all that it writes, or as much as an outcome may have. At the
  /// deadline it is killed, and there is no exit status.
  private func watch(_ child: pid_t, before deadline: Deadline) -> (frame: [UInt8], exit: Int32?) {
    // Most answers fit the pipe: to wait for the end of the process, not for its first byte, is to wake up once.
    var exit: Int32 = 0
    var hasEnded = unsafe posix_reap_soon(child, min(10, deadline.milliseconds), &exit) == child
    var isKilled = false
    var frame: [UInt8] = []
    while true {
      // No more than what is there: who asks for more than that writes to more of the heap.
      let bytes = (try? answers.tryRead(atMost: Int(max(0, posix_bytes_waiting(answers.number))))) ?? []
      if frame.isEmpty { frame = bytes } else if frame.count <= ReviewOutcome.largestFrame { frame += bytes }
      if hasEnded { return (frame, isKilled ? nil : exit) }
      if deadline.milliseconds == 0 {
        kill(child, SIGKILL)
        _ = unsafe posix_reap(child, 1, &exit)
        (hasEnded, isKilled) = (true, true)
      } else if ReviewOutcome.isWhole(frame) {
        hasEnded = unsafe posix_reap_soon(child, min(10, deadline.milliseconds), &exit) == child
      } else {
        let soon = Deadline.after(milliseconds: min(10, Int(deadline.milliseconds)))
        _ = wait(for: answers.number, POLLIN, before: soon)
        hasEnded = unsafe posix_reap(child, 0, &exit) == child
      }
    }
  }

  private func failed(_ fault: ReviewFault) -> Ended {
    let words = (try? lastWords.tryRead(atMost: 64 * 1024)) ?? []
    // The first line tells the most.
    return .failed(fault, lastWords: String(decoding: words.prefix { $0 != 0x0A }, as: UTF8.self))
  }
}

// An outcome on its way through a pipe: numbers, counts, fields of the log and body. The reader trusts none of it.
extension ReviewOutcome {
  static let largestFrame = 16 << 20
  private static let headBytes = 16

  var frame: [UInt8] {
    var frame: [UInt8] = []
    frame.reserveCapacity(ReviewOutcome.headBytes + Report.size + fields.bytes.count + body.count)
    frame.append(contentsOf: repeatElement(0, count: ReviewOutcome.headBytes + Report.size))
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

  /// Whether as much is there as the numbers announce: nothing more than the end of the process is to be waited for.
  fileprivate static func isWhole(_ frame: [UInt8]) -> Bool {
    let numbers = frame.span
    return frame.count >= headBytes
      && UInt64(frame.count) >= UInt64(headBytes + Report.size) &+ number(numbers, at: 4, bytes: 4)
        &+ number(numbers, at: 8, bytes: 8)
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
