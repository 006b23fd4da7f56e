// One TLS connection over a non-blocking socket. The caller waits for the socket.

import CLinux
import COpenSSL
import Glibc

/// The result of one step of a connection.
public enum TLSStep {
  case done
  /// Retry when the socket is readable.
  case wantsRead
  /// Retry when the socket is writable.
  case wantsWrite
  case failed(TLSFailure)
}

/// Why a connection failed.
public enum TLSFailure: String, CaseIterable, Sendable {
  /// The client closed the connection, or it was lost.
  case closed
  /// The client did not continue in time.
  case timeout
  /// The client sent HTTP without TLS.
  case plainHTTP = "plain_http"
  /// The client offered neither TLS 1.2 nor TLS 1.3.
  case version
  /// The client offered no cipher that this server accepts.
  case cipher
  /// The client offered application protocols (ALPN), but not http/1.1.
  case applicationProtocol = "application_protocol"
  /// The client's certificate is missing or not valid.
  case clientCertificate = "client_certificate"
  /// The client rejected the server's certificate.
  case rejected
  case other
}

/// The server's end of a TLS connection.
@safe public final class TLSConnection {
  private let ssl: OpaquePointer
  private let identity: TLSIdentity
  public let socket: Int32
  /// The buffer for decrypted records. It is in the heap that is excluded from forks, so that writing to it after a
  /// fork copies no page.
  private let record: UnsafeMutableBufferPointer<UInt8>

  private static let recordSize = 16 * 1024

  /// Creates a connection; `nil` if there is not enough memory.
  public init?(_ identity: TLSIdentity, socket: Int32) {
    let size = TLSConnection.recordSize
    guard let record = unsafe secret_allocate(size, nil, 0) else { return nil }
    guard let ssl = unsafe SSL_new(identity.context) else {
      unsafe secret_free(record, nil, 0)
      return nil
    }
    unsafe self.record = UnsafeMutableBufferPointer(start: record.assumingMemoryBound(to: UInt8.self), count: size)
    unsafe self.ssl = ssl
    self.identity = identity
    self.socket = socket
    guard unsafe SSL_set_fd(ssl, socket) == 1, unsafe identity.installKey(in: ssl) else { return nil }
  }

  deinit {
    unsafe SSL_free(ssl)
    unsafe secret_free(record.baseAddress, nil, 0)
  }

  /// Continues the handshake.
  public func handshake() -> TLSStep {
    ERR_clear_error()
    return unsafe step(SSL_accept(ssl), atEnd: .failed(.closed))
  }

  /// Wipes the private key from this process, the identity's copy included. No step after the handshake needs it.
  public func wipeKey() {
    unsafe SSL_certs_clear(ssl)
    identity.wipeKey()
    ERR_clear_error()
  }

  /// Excludes all TLS memory, session keys included, from the processes that this one forks from now on.
  public func excludeFromForks() {
    _ = secret_exclude_from_forks()
  }

  /// Whether OpenSSL holds bytes that were read from the socket but not yet returned.
  public var hasPending: Bool { unsafe SSL_has_pending(ssl) == 1 }

  /// Reads the bytes that are available, at most one TLS record. `done` without bytes means that the client closed.
  public func read() -> (TLSStep, [UInt8]) {
    let got = unsafe SSL_read(ssl, record.baseAddress, Int32(record.count))
    return got > 0 ? (.done, unsafe Array(record[..<Int(got)])) : (step(got, atEnd: .done), [])
  }

  /// Writes bytes from a position on; returns how many were written.
  public func write(_ bytes: [UInt8], from position: Int) -> (TLSStep, Int) {
    let written = unsafe bytes.withUnsafeBytes { buffer in
      unsafe SSL_write(ssl, buffer.baseAddress?.advanced(by: position), Int32(buffer.count - position))
    }
    return written > 0 ? (.done, Int(written)) : (step(written, atEnd: .failed(.closed)), 0)
  }

  /// Sends the close_notify alert. Does not wait for the client's.
  public func sendClose() {
    _ = unsafe SSL_shutdown(ssl)
    ERR_clear_error()
  }

  /// Translates an OpenSSL return value. SSL_get_error looks at the error queue, so the queue must be empty before each
  /// call of OpenSSL: whatever can leave an error there clears it.
  ///
  /// - Parameter atEnd: the step to return when the client has sent its close_notify.
  private func step(_ result: Int32, atEnd: TLSStep) -> TLSStep {
    if result > 0 { return .done }
    defer { ERR_clear_error() }
    switch unsafe SSL_get_error(ssl, result) {
    case SSL_ERROR_WANT_READ: return .wantsRead
    case SSL_ERROR_WANT_WRITE: return .wantsWrite
    case SSL_ERROR_ZERO_RETURN: return atEnd
    case SSL_ERROR_SYSCALL: return .failed(.closed)
    default: return .failed(failure(openssl_reason(ERR_peek_last_error())))
    }
  }
}

private func failure(_ reason: Int32) -> TLSFailure {
  switch reason {
  case SSL_R_HTTP_REQUEST: .plainHTTP
  case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_VERSION_TOO_LOW, SSL_R_WRONG_VERSION_NUMBER, SSL_R_UNKNOWN_PROTOCOL: .version
  case SSL_R_NO_SHARED_CIPHER, SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, SSL_R_NO_SUITABLE_KEY_SHARE: .cipher
  case SSL_R_NO_APPLICATION_PROTOCOL: .applicationProtocol
  case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, SSL_R_CERTIFICATE_VERIFY_FAILED, SSL_R_CERT_LENGTH_MISMATCH:
    .clientCertificate
  case SSL_R_UNEXPECTED_EOF_WHILE_READING: .closed
  // The alerts of RFC 8446 section 6.2 that a client sends if it rejects the server's certificate.
  case SSL_R_TLSV1_ALERT_UNKNOWN_CA, SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN,
    SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    .rejected
  default: .other
  }
}
