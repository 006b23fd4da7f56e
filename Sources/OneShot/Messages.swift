// What goes to people: one line each on standard error, or nothing where that would reach the client.

import Glibc
import JSON
import POSIX

/// Where messages go.
public struct Messages: Sendable {
  private let isSilent: Bool

  /// Messages to standard error, unless it is the very socket of standard input or output: inetd and stunnel hand one
  /// socket to all three descriptors, and a message would reach the client.
  public static var standard: Messages { Messages(isSilent: sharesExchange([S_IFSOCK])) }

  /// The same for an exchange of requests and responses, which a message must not enter through a pipe either.
  static var besideExchange: Messages { Messages(isSilent: sharesExchange([S_IFSOCK, S_IFIFO])) }

  /// Whether standard error is of one of these kinds, and the same as standard input or output.
  private static func sharesExchange(_ kinds: [mode_t]) -> Bool {
    guard let errors = Descriptor.errors.status else { return true }
    guard kinds.contains(errors.st_mode & S_IFMT) else { return false }
    return [Descriptor.input, .output].contains { other in
      guard let status = other.status else { return false }
      return status.st_dev == errors.st_dev && status.st_ino == errors.st_ino
    }
  }

  /// Writes lines, each after the program's name.
  public func write(_ lines: [String]) {
    if isSilent { return }
    var text: [UInt8] = []
    for line in lines { text.append("pisw-mutate: " + line + "\n") }
    writeText(text)
  }

  /// Writes lines as they are.
  func writePlain(_ lines: [String]) {
    if isSilent { return }
    var text: [UInt8] = []
    for line in lines { text.append(line + "\n") }
    writeText(text)
  }

  /// A message that cannot be written has nowhere else to go.
  private func writeText(_ text: [UInt8]) {
    try? Descriptor.errors.write(text)
  }
}

/// Writes to standard output, all of it or an error on standard error.
public func writeOutput(_ bytes: [UInt8], _ messages: Messages) -> ExitStatus {
  writeOutput(bytes, messages, before: .never)
}

func writeOutput(_ bytes: [UInt8], _ messages: Messages, before deadline: Deadline) -> ExitStatus {
  do throws(SystemError) {
    try Descriptor.output.write(bytes, before: deadline)
    return .done
  } catch {
    messages.write(["standard output: " + error.description])
    return .operatingSystem
  }
}
