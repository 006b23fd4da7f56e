// Messages for people, one line each on standard error. They are suppressed where standard error is the connection to
// the client.

import Glibc
import JSON
import System

/// Writes messages, or suppresses them.
public struct Messages: Sendable {
  private let isSilent: Bool

  /// Messages on standard error, unless it is the same socket as standard input or output. inetd and stunnel pass one
  /// socket as all three descriptors, and a message would reach the client.
  public static var standard: Messages { Messages(isSilent: isSharedWithClient([S_IFSOCK])) }

  /// Messages beside an HTTP or CGI exchange: also suppressed if standard error is the same pipe as standard input or
  /// output.
  static var besideExchange: Messages { Messages(isSilent: isSharedWithClient([S_IFSOCK, S_IFIFO])) }

  /// Whether standard error is of one of these file types, and the same file as standard input or output.
  private static func isSharedWithClient(_ kinds: [mode_t]) -> Bool {
    guard let errors = Descriptor.errors.status else { return true }
    guard kinds.contains(errors.st_mode & S_IFMT) else { return false }
    return [Descriptor.input, .output].contains { other in
      guard let status = other.status else { return false }
      return status.st_dev == errors.st_dev && status.st_ino == errors.st_ino
    }
  }

  /// Writes lines, each with the program's name in front.
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

  /// A failure is ignored: there is nowhere to report it to.
  private func writeText(_ text: [UInt8]) {
    try? Descriptor.errors.write(text)
  }
}

/// Writes all bytes to standard output. Reports an error on standard error.
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
