// File descriptors: the C boundary of this module. Every call is restarted when a signal interrupts it.

import Glibc

/// An error of the operating system.
struct SystemError: Error {
  let code: Int32

  static var last: SystemError { SystemError(code: errno) }

  var description: String { unsafe String(cString: strerror(code)) }
}

/// A file descriptor that somebody else closes.
struct Descriptor {
  let number: Int32

  static let input = Descriptor(number: 0)
  static let output = Descriptor(number: 1)
  static let errors = Descriptor(number: 2)

  /// Opens a file to read, hands it out, and closes it.
  static func reading<Result>(
    _ path: String, _ body: (Descriptor) throws(SystemError) -> Result
  ) throws(SystemError) -> Result {
    let number = unsafe open(path, O_RDONLY | O_CLOEXEC)
    if number < 0 { throw .last }
    defer { close(number) }
    return try body(Descriptor(number: number))
  }

  /// What fstat(2) tells; `nil` for a descriptor that is not open.
  var status: stat? {
    var status = stat()
    return unsafe fstat(number, &status) == 0 ? status : nil
  }

  var isTerminal: Bool { isatty(number) == 1 }

  /// Reads at most so many bytes; an empty array at the end.
  func read(atMost limit: Int) throws(SystemError) -> [UInt8] {
    var failure: SystemError?
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
      while true {
        let got = unsafe Glibc.read(number, buffer.baseAddress, limit)
        if got < 0 && errno == EINTR { continue }
        if got < 0 { failure = .last }
        count = max(got, 0)
        return
      }
    }
    if let failure { throw failure }
    return bytes
  }

  /// Reads to the end, or until more than so many bytes came.
  func readAll(limit: Int) throws(SystemError) -> [UInt8] {
    let size = status.map { $0.st_mode & S_IFMT == S_IFREG ? Int($0.st_size) : 0 } ?? 0
    // One byte more than a file has, so that its end shows at once.
    let first = min(size > 0 ? size + 1 : 64 * 1024, limit + 1)
    var bytes = try read(atMost: first)
    if size > 0, bytes.count < first { return bytes }
    while bytes.count <= limit {
      let more = try read(atMost: min(64 * 1024, limit + 1 - bytes.count))
      if more.isEmpty { break }
      bytes += more
    }
    return bytes
  }

  /// Writes everything.
  func write(_ bytes: [UInt8]) throws(SystemError) {
    var written = 0
    while written < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { buffer in
        unsafe Glibc.write(number, buffer.baseAddress! + written, buffer.count - written)
      }
      if count < 0 && errno == EINTR { continue }
      if count < 0 { throw .last }
      written += count
    }
  }

  /// Whether bytes, or the end, can be read before the deadline.
  func isReadable(before deadline: Deadline) throws(SystemError) -> Bool {
    var entry = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
    while true {
      let ready = unsafe poll(&entry, 1, deadline.milliseconds)
      if ready < 0 && errno == EINTR { continue }
      if ready < 0 { throw .last }
      return ready > 0
    }
  }
}

/// A moment in the future.
struct Deadline {
  private let nanoseconds: Int

  static func after(seconds: Int) -> Deadline { Deadline(nanoseconds: now() + seconds * 1_000_000_000) }

  /// How long until then, as poll(2) takes it; 0 when it has passed.
  var milliseconds: Int32 { Int32(max(0, (nanoseconds - Deadline.now() + 999_999) / 1_000_000)) }

  private static func now() -> Int {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
  }
}

/// The value of an environment variable; `nil` when it is not set.
public func environment(_ name: String) -> String? {
  guard let value = unsafe getenv(name) else { return nil }
  return unsafe String(cString: value)
}

/// A failed write must return an error, not end the process.
public func ignoreBrokenPipes() {
  signal(SIGPIPE, SIG_IGN)
}
