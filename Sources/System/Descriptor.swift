// File descriptors: reading, writing and waiting. Every call restarts after EINTR.

import Glibc

/// An error of a system call.
public struct SystemError: Error {
  /// The value of errno.
  public let code: Int32

  public init(code: Int32) { self.code = code }

  /// The current value of errno.
  public static var last: SystemError { SystemError(code: errno) }

  /// The text of strerror(3).
  public var description: String { unsafe String(cString: strerror(code)) }
}

/// A file descriptor. If another process made it non-blocking, its methods wait all the same.
public struct Descriptor: Sendable {
  public let number: Int32

  public init(number: Int32) { self.number = number }

  public static var input: Descriptor { Descriptor(number: 0) }
  public static var output: Descriptor { Descriptor(number: 1) }
  public static var errors: Descriptor { Descriptor(number: 2) }

  /// Opens a file for reading, passes it to `body`, and closes it.
  ///
  /// - Throws: `SystemError` if open(2) fails, or what `body` throws.
  public static func reading<Result>(
    _ path: String, _ body: (Descriptor) throws(SystemError) -> Result
  ) throws(SystemError) -> Result {
    let number = unsafe open(path, O_RDONLY | O_CLOEXEC)
    if number < 0 { throw .last }
    defer { Glibc.close(number) }
    return try body(Descriptor(number: number))
  }

  public func close() { Glibc.close(number) }

  /// The result of fstat(2); `nil` if the descriptor is not open.
  public var status: stat? {
    var status = stat()
    return unsafe fstat(number, &status) == 0 ? status : nil
  }

  /// Reads up to `limit` bytes; empty at the end of the file.
  public func read(atMost limit: Int) throws(SystemError) -> [UInt8] { try read(limit, waits: true) }

  /// Reads up to `limit` bytes from a non-blocking pipe; empty if there are none.
  public func tryRead(atMost limit: Int) throws(SystemError) -> [UInt8] { try read(limit, waits: false) }

  private func read(_ limit: Int, waits: Bool) throws(SystemError) -> [UInt8] {
    var failure: SystemError?
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
      while true {
        let got = unsafe Glibc.read(number, buffer.baseAddress, limit)
        if got < 0 && errno == EINTR { continue }
        if got < 0 && errno == EAGAIN {
          if !waits { return }
          if (try? isReady(POLLIN, before: .never)) == true { continue }
        }
        if got < 0 { failure = .last }
        count = max(got, 0)
        return
      }
    }
    if let failure { throw failure }
    return bytes
  }

  /// Reads to the end of the file, but at most `limit + 1` bytes: a result longer than `limit` means that the file is
  /// too large.
  public func readAll(limit: Int) throws(SystemError) -> [UInt8] {
    let size = status.map { $0.st_mode & S_IFMT == S_IFREG ? Int($0.st_size) : 0 } ?? 0
    // One byte more than the file's size, so that a short read reveals its end without another call.
    let first = min(size > 0 ? size + 1 : 64 * 1024, limit + 1)
    var bytes = try read(atMost: first)
    while bytes.count <= limit {
      let room = bytes.count < first ? first - bytes.count : 64 * 1024
      let more = try read(atMost: min(room, limit + 1 - bytes.count))
      if more.isEmpty { break }
      bytes += more
    }
    return bytes
  }

  /// Writes all bytes.
  ///
  /// - Throws: `SystemError`; ETIMEDOUT if the reader does not take all bytes before the deadline.
  public func write(_ bytes: [UInt8], before deadline: Deadline = .never) throws(SystemError) {
    var written = 0
    while written < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { buffer in
        unsafe writeSome(UnsafeRawBufferPointer(rebasing: buffer[written...]), before: deadline)
      }
      if count < 0 && errno == EINTR { continue }
      if count < 0 && errno == EAGAIN {
        guard try isReady(POLLOUT, before: deadline) else { throw SystemError(code: ETIMEDOUT) }
        continue
      }
      if count < 0 { throw .last }
      written += count
    }
  }

  /// Like write(2), but with a deadline it does not block beyond it. A socket takes what fits into its buffer. A pipe
  /// that polls as writable has room for PIPE_BUF bytes.
  private func writeSome(_ bytes: UnsafeRawBufferPointer, before deadline: Deadline) -> Int {
    if deadline.isNever { return unsafe Glibc.write(number, bytes.baseAddress, bytes.count) }
    let flags = Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)
    let sent = unsafe send(number, bytes.baseAddress, bytes.count, flags)
    guard sent < 0, errno == ENOTSOCK else { return sent }
    guard (try? isReady(POLLOUT, before: deadline)) == true else {
      errno = ETIMEDOUT
      return -1
    }
    return unsafe Glibc.write(number, bytes.baseAddress, min(bytes.count, Int(PIPE_BUF)))
  }

  /// Waits until bytes or the end of the file can be read; `false` if the deadline passes first.
  public func isReadable(before deadline: Deadline) throws(SystemError) -> Bool {
    try isReady(POLLIN, before: deadline)
  }

  private func isReady(_ events: Int32, before deadline: Deadline) throws(SystemError) -> Bool {
    var entry = pollfd(fd: number, events: Int16(events), revents: 0)
    while true {
      let ready = unsafe poll(&entry, 1, deadline.milliseconds)
      if ready < 0 && errno == EINTR { continue }
      if ready < 0 { throw .last }
      return ready > 0
    }
  }
}
