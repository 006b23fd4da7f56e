// Input and output of all subcommands: results go to standard output, messages to standard error.

import ArgumentParser
import JSON
import System

/// Writes each message to standard error, and returns the exit status for the caller to throw.
func reportFailure(_ status: ExitStatus, _ messages: [String]) -> ExitCode {
  for message in messages { writeMessage(message) }
  return ExitCode(status.rawValue)
}

/// The name by which the program was called.
var programName: Substring { CommandLine.arguments.first?.split(separator: "/").last ?? "pisw" }

/// Writes a message to standard error as one line, with the program's name before it. Ignores errors, because there is
/// nowhere to report them.
func writeMessage(_ message: String) {
  try? Descriptor.errors.write(Array("\(programName): \(message)\n".utf8))
}

/// Writes a result to standard output.
///
/// - Throws: the exit status 71 if it cannot write everything, after it reports why.
func writeOutput(_ bytes: [UInt8]) throws {
  do throws(SystemError) {
    try Descriptor.output.write(bytes)
  } catch {
    throw reportFailure(.operatingSystem, ["standard output: " + error.description])
  }
}

func writeOutput(_ text: String) throws { try writeOutput(Array(text.utf8)) }

/// Reads a file, or standard input for `-`.
///
/// - Parameter limit: the largest size in bytes.
/// - Returns: the name for messages, and the text.
/// - Throws: the exit status 65, 66 or 71, after it reports the reason.
func read(_ path: String, limit: Int) throws -> (name: String, text: [UInt8]) {
  let name = path == "-" ? "<stdin>" : asciiEscaped(path)
  let text: [UInt8]
  do throws(SystemError) {
    text =
      path == "-"
      ? try Descriptor.input.readAll(limit: limit)
      : try Descriptor.reading(path) { file throws(SystemError) in try file.readAll(limit: limit) }
  } catch {
    throw reportFailure(path == "-" ? .operatingSystem : .noInput, [name + ": " + error.description])
  }
  guard text.count <= limit else { throw reportFailure(.badInput, [name + ": more than \(limit) bytes"]) }
  return (name, text)
}
