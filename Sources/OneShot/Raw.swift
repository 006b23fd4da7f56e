// One review without HTTP: read from standard input or a file, and answered on standard output.

import Admission
import Glibc
import JSON
import Policy
import System

/// Why a review cannot be answered: the exit status and the message.
private struct Failure: Error {
  let status: ExitStatus
  let message: String
}

/// Answers the review in a file, or on standard input.
///
/// - Parameters:
///   - file: the file's path; `nil` or `-` for standard input.
///   - limit: the largest review, in bytes.
///   - explains: whether to explain each decision on standard error.
public func answerRaw(file: String?, limit: Int, policy: SwapPolicy, explains: Bool) -> ExitStatus {
  let messages = Messages.standard
  do throws(Failure) {
    let (name, text) = try readReview(file, limit: limit)
    let answer = try answer(text, named: name, policy, explains, messages)
    return writeOutput(answer.body, messages)
  } catch {
    messages.write([error.message])
    return error.status
  }
}

private func answer(
  _ text: [UInt8], named name: String, _ policy: SwapPolicy, _ explains: Bool, _ messages: Messages
) throws(Failure) -> Answer {
  do throws(JSONError) {
    let answer = try answer(text, under: policy, explains: explains, messages)
    // The webhook admits such a pod unchanged. A person wants to know what is wrong with it.
    if let fault = answer.podFault { throw fault }
    return answer
  } catch {
    throw Failure(status: .badInput, message: error.message(name: name, in: text))
  }
}

/// Reads the review; returns it with its name for messages.
private func readReview(_ file: String?, limit: Int) throws(Failure) -> (name: String, text: [UInt8]) {
  if let file, file != "-" { return try readFile(file, limit: limit) }
  let text: [UInt8]
  do throws(SystemError) {
    // Room for a file name, however small the limit is.
    text = try Descriptor.input.readAll(limit: max(limit, Int(PATH_MAX)))
  } catch {
    throw Failure(status: .operatingSystem, message: "standard input: " + error.description)
  }
  if let path = fileName(in: text) {
    // `echo review.json | pisw-mutate`: the input is a file name. If no such file exists and the input could be JSON,
    // report bad JSON instead of printing the input as a file name.
    if unsafe access(path, F_OK) == 0 || !mayBeJSON(text) { return try readFile(path, limit: limit) }
  }
  return try checkSize("<stdin>", text, limit: limit)
}

private func readFile(_ path: String, limit: Int) throws(Failure) -> (name: String, text: [UInt8]) {
  let name = asciiEscaped(path)
  let text: [UInt8]
  do throws(SystemError) {
    text = try Descriptor.reading(path) { file throws(SystemError) in try file.readAll(limit: limit) }
  } catch {
    throw Failure(status: .noInput, message: name + ": " + error.description)
  }
  return try checkSize(name, text, limit: limit)
}

private func checkSize(_ name: String, _ text: [UInt8], limit: Int) throws(Failure) -> (name: String, text: [UInt8]) {
  guard text.count > limit else { return (name, text) }
  let error = JSONError("more than \(limit) bytes; raise the limit with --max-bytes", at: 0)
  throw Failure(status: .badInput, message: error.message(name: name, in: text))
}

/// The single line on standard input, if it can be a file name: it does not begin with `{`, contains no NUL, is not too
/// long, and standard input is a pipe or a regular file.
private func fileName(in text: [UInt8]) -> String? {
  guard let kind = Descriptor.input.status.map({ $0.st_mode & S_IFMT }), kind == S_IFIFO || kind == S_IFREG else {
    return nil
  }
  var line = text[...]
  if line.last == UInt8(ascii: "\n") { line.removeLast() }
  if line.last == UInt8(ascii: "\r") { line.removeLast() }
  guard line.count < Int(PATH_MAX), let first = line.first(where: { $0 > 0x20 }), first != UInt8(ascii: "{"),
    !line.contains(where: { $0 == UInt8(ascii: "\n") || $0 == 0 })
  else { return nil }
  return String(decoding: line, as: UTF8.self)
}

/// Whether a text contains one of the characters that begin a JSON object, array or string.
private func mayBeJSON(_ text: [UInt8]) -> Bool {
  text.contains { $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: "[") || $0 == UInt8(ascii: "\"") }
}
