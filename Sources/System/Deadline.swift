// Deadlines on the monotonic clock, which changes of the system time do not affect.

import Glibc

/// A point in time.
public struct Deadline: Sendable {
  private let nanoseconds: Int

  public static var never: Deadline { Deadline(nanoseconds: .max) }

  public var isNever: Bool { nanoseconds == .max }

  public static func after(seconds: Int) -> Deadline { after(milliseconds: seconds * 1000) }

  public static func after(milliseconds: Int) -> Deadline {
    Deadline(nanoseconds: monotonicNow() + milliseconds * 1_000_000)
  }

  /// The time that is left, as a timeout for poll(2): in milliseconds, 0 once the deadline has passed, -1 for `never`.
  public var milliseconds: Int32 { isNever ? -1 : Int32(max(0, (nanoseconds - monotonicNow() + 999_999) / 1_000_000)) }
}

/// The monotonic clock, in nanoseconds.
public func monotonicNow() -> Int {
  var time = timespec()
  unsafe clock_gettime(CLOCK_MONOTONIC, &time)
  return time.tv_sec * 1_000_000_000 + time.tv_nsec
}
