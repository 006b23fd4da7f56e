// A handshake within one process, so that the processes forked from it find OpenSSL's tables made and its pages mapped.

import COpenSSL

extension TLSIdentity {
  /// Runs a handshake with a client of our own in memory, and forgets it. It need not succeed: without a certificate,
  /// a client of a server that demands one is refused.
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
    guard unsafe giveKey(to: server) else { return }
    // Two flights each way are enough for either version.
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
