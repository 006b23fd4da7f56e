// How a run ends, and what it says: exit statuses of sysexits(3), messages on standard error, results on standard output.

import ArgumentParser
import JSON
import POSIX

extension ExitCode {
  /// `--check` found something to change.
  static let changes = ExitCode(1)
  static let badInput = ExitCode(65)
  static let noInput = ExitCode(66)
  static let fault = ExitCode(70)
  static let operatingSystem = ExitCode(71)
  static let configuration = ExitCode(78)
}

/// Tells what went wrong, a line each, and hands out the status to throw.
func end(_ status: ExitCode, _ messages: [String]) -> ExitCode {
  for message in messages { tell(message) }
  return status
}

/// The name that the program was started by.
var programName: Substring { CommandLine.arguments.first?.split(separator: "/").last ?? "pisw" }

/// Writes a line to standard error, after the program's name. A message that cannot be written has nowhere else to go.
func tell(_ message: String) {
  try? Descriptor.errors.write(Array("\(programName): \(message)\n".utf8))
}

/// Writes a result to standard output.
///
/// - Throws: the exit status 71 if it cannot be written whole.
func write(_ bytes: [UInt8]) throws {
  do throws(SystemError) {
    try Descriptor.output.write(bytes)
  } catch {
    throw end(.operatingSystem, ["standard output: " + error.description])
  }
}

func write(_ text: String) throws { try write(Array(text.utf8)) }

/// Reads a file, or standard input for `-`.
///
/// - Parameter limit: the most bytes it may have.
/// - Returns: the name for messages, and the text.
/// - Throws: the exit status, once the reason is told.
func read(_ path: String, limit: Int) throws -> (name: String, text: [UInt8]) {
  let name = path == "-" ? "<stdin>" : asciiEscaped(path)
  let text: [UInt8]
  do throws(SystemError) {
    text =
      path == "-"
      ? try Descriptor.input.readAll(limit: limit)
      : try Descriptor.reading(path) { file throws(SystemError) in try file.readAll(limit: limit) }
  } catch {
    throw end(path == "-" ? .operatingSystem : .noInput, [name + ": " + error.description])
  }
  guard text.count <= limit else { throw end(.badInput, [name + ": more than \(limit) bytes"]) }
  return (name, text)
}
