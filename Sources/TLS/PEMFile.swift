// Reads PEM files. They may contain private keys, so their text is kept only in memory that is wiped afterwards.

import COpenSSL
import Glibc
import System

/// A file that cannot be used for TLS.
public struct TLSFileError: Error, Sendable {
  public let file: String
  /// What is wrong with it, and how to fix that if it is not obvious.
  public let problem: String

  /// `file: problem`.
  public var description: String { file + ": " + problem }
}

/// In bytes. No file of certificates or keys is larger.
private let largestFile = 1 << 20

/// Reads a file, passes it to `body` as an OpenSSL BIO, and wipes it.
///
/// - Throws: `TLSFileError` if the file cannot be read or is larger than 1 MiB.
func withPEM<Result>(
  _ file: String, _ body: (OpaquePointer) throws(TLSFileError) -> Result
) throws(TLSFileError) -> Result {
  let number = unsafe open(file, O_RDONLY | O_CLOEXEC)
  if number < 0 { throw TLSFileError(file: file, problem: SystemError.last.description) }
  defer { close(number) }
  // Mapped, so that no copy of the text is left in the heap.
  let room = largestFile + 1
  guard let memory = unsafe mmap(nil, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
    unsafe memory != MAP_FAILED
  else { throw TLSFileError(file: file, problem: SystemError.last.description) }
  var length = 0
  defer {
    unsafe explicit_bzero(memory, length)
    unsafe munmap(memory, room)
  }
  while length < room {
    let count = unsafe read(number, memory + length, room - length)
    if count < 0 && errno == EINTR { continue }
    if count < 0 { throw TLSFileError(file: file, problem: SystemError.last.description) }
    if count == 0 { break }
    length += count
  }
  if length == room { throw TLSFileError(file: file, problem: "larger than 1 MiB; expected a PEM file") }
  guard let text = unsafe BIO_new_mem_buf(memory, Int32(length)) else {
    throw TLSFileError(file: file, problem: "not enough memory to read it")
  }
  defer { unsafe BIO_free(text) }
  return unsafe try body(text)
}

/// Calls `body` with each certificate of a PEM text.
///
/// - Throws: `TLSFileError` if there is none, or one is damaged.
func forEachCertificate(
  in text: OpaquePointer, _ file: String, _ body: (OpaquePointer) throws(TLSFileError) -> Void
) throws(TLSFileError) {
  var count = 0
  while let certificate = unsafe PEM_read_bio_X509(text, nil, nil, nil) {
    defer { unsafe X509_free(certificate) }
    unsafe try body(certificate)
    count += 1
  }
  // At the end of the text OpenSSL reports "no start line", too.
  let ended = openssl_reason(ERR_peek_last_error()) == PEM_R_NO_START_LINE
  if count == 0, ended { throw TLSFileError(file: file, problem: "no certificate in it; expected PEM") }
  if !ended { throw TLSFileError(file: file, problem: "certificate \(count + 1) is damaged: " + lastOpenSSLError()) }
  ERR_clear_error()
}

/// The description of OpenSSL's last error. Clears the error queue.
func lastOpenSSLError() -> String {
  let error = ERR_peek_last_error()
  ERR_clear_error()
  guard let reason = unsafe ERR_reason_error_string(error) else { return "no reason given" }
  return unsafe String(cString: reason)
}
