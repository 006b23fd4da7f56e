// A handshake within the listener, so that the child processes inherit OpenSSL's tables already built and its pages
// already mapped.

import COpenSSL

extension TLSIdentity {
  /// Runs a handshake with an in-memory client, and discards it. It need not succeed: if client certificates are
  /// required, the client is rejected.
  public func warmUp() {
    guard let clientContext = unsafe SSL_CTX_new(TLS_client_method()) else { return }
    defer { unsafe SSL_CTX_free(clientContext) }
    var serverEnd: OpaquePointer?
    var clientEnd: OpaquePointer?
    guard unsafe BIO_new_bio_pair(&serverEnd, 0, &clientEnd, 0) == 1 else { return }
    guard let server = unsafe SSL_new(context), let client = unsafe SSL_new(clientContext) else { return }
    defer {
      unsafe SSL_free(server)
      unsafe SSL_free(client)
    }
    unsafe SSL_set_bio(server, serverEnd, serverEnd)
    unsafe SSL_set_bio(client, clientEnd, clientEnd)
    guard unsafe installKey(in: server) else { return }
    // Four rounds are enough for TLS 1.2 and TLS 1.3.
    for _ in 0..<4 {
      _ = unsafe SSL_connect(client)
      _ = unsafe SSL_accept(server)
    }
    var byte: UInt8 = 0
    _ = unsafe SSL_write(client, &byte, 1)
    _ = unsafe SSL_read(server, &byte, 1)
    _ = unsafe SSL_write(server, &byte, 1)
    _ = unsafe SSL_shutdown(server)
    ERR_clear_error()
  }
}
