// What goes to people: one line each on standard error, or nothing where that would reach the client.

import Glibc
import JSON

/// Where messages go.
public struct Messages: Sendable {
  private let isSilent: Bool

  /// Messages to standard error.
  public static let standard = Messages(isSilent: false)

  /// Messages to standard error, unless it is the very socket or pipe of the exchange: inetd and stunnel hand one
  /// socket to all three descriptors, and a message would become a part of the response.
  static var besideExchange: Messages {
    guard let errors = Descriptor.errors.status else { return Messages(isSilent: true) }
    let kind = errors.st_mode & S_IFMT
    let isShared = [Descriptor.input, .output].contains { other in
      guard let status = other.status else { return false }
      return status.st_dev == errors.st_dev && status.st_ino == errors.st_ino
    }
    return Messages(isSilent: isShared && (kind == S_IFSOCK || kind == S_IFIFO))
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
  do throws(SystemError) {
    try Descriptor.output.write(bytes)
    return .done
  } catch {
    messages.write(["standard output: " + error.description])
    return .operatingSystem
  }
}
