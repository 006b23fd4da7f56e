// What a TLS server is: certificate, chain, private key, and whom it demands certificates of.

import COpenSSL
import CPOSIX
import Glibc

/// Where a server's identity is read from.
public struct TLSFiles: Equatable, Sendable {
  /// The server's certificate, and after it those between it and its root.
  public var certificate: String
  /// Its private key, not encrypted.
  public var key: String
  /// The authorities that may vouch for clients; `nil` to demand no certificate of them.
  public var clientCA: String?

  public init(certificate: String, key: String, clientCA: String? = nil) {
    self.certificate = certificate
    self.key = key
    self.clientCA = clientCA
  }
}

/// Makes OpenSSL ready; before anything else in this module, and once in a process.
///
/// Its memory is a heap apart, which wipes what is freed: a private key leaves no traces.
///
/// - Returns: `false` where there is no room for its heap.
public func startTLS() -> Bool {
  let isOurs = unsafe CRYPTO_set_mem_functions(secret_allocate, secret_reallocate, secret_free) == 1
  precondition(isOurs, "OpenSSL was used before startTLS")
  return openssl_start() == 1
}

/// Takes everything that belongs to TLS from this process, which has no use for it: it must not come back here.
public func dropTLS() { secret_drop_all() }

/// A server's identity, read and checked.
///
/// The private key stands beside OpenSSL's context, not in it, so that a connection can forget it.
@safe public final class TLSIdentity {
  let context: OpaquePointer
  /// `nil` once forgotten.
  private var key: OpaquePointer?
  /// When the certificate ends, in seconds since 1970.
  public let expiry: Int

  /// - Throws: `TLSFileError` for a file that is missing, unreadable, not PEM, encrypted, or does not fit the others.
  public init(_ files: TLSFiles) throws(TLSFileError) {
    guard let context = unsafe SSL_CTX_new(TLS_server_method()), unsafe openssl_configure(context) == 1 else {
      throw TLSFileError(file: files.certificate, problem: lastOpenSSLError())
    }
    unsafe self.context = context
    // From here on deinit frees; every stored property needs a value first.
    var expiry = -1
    do throws(TLSFileError) {
      unsafe try withPEM(files.certificate) { text throws(TLSFileError) in
        var isFirst = true
        unsafe try forEachCertificate(in: text, files.certificate) { certificate throws(TLSFileError) in
          let added =
            isFirst
            ? unsafe SSL_CTX_use_certificate(context, certificate)
            : unsafe openssl_add_chain(context, certificate)
          if added != 1 { throw TLSFileError(file: files.certificate, problem: lastOpenSSLError()) }
          if isFirst { expiry = unsafe openssl_expiry(certificate) }
          isFirst = false
        }
      }
      unsafe key = try readKey(files.key)
      guard unsafe X509_check_private_key(SSL_CTX_get0_certificate(context), key) == 1 else {
        ERR_clear_error()
        throw TLSFileError(file: files.key, problem: "not the key of the certificate in " + files.certificate)
      }
      if let file = files.clientCA { unsafe try demandCertificates(of: file, context) }
    } catch {
      unsafe SSL_CTX_free(context)
      unsafe EVP_PKEY_free(key)
      throw error
    }
    self.expiry = expiry
  }

  deinit {
    unsafe SSL_CTX_free(context)
    unsafe EVP_PKEY_free(key)
  }

  /// Hands the key to a connection.
  func giveKey(to ssl: OpaquePointer) -> Bool {
    unsafe SSL_use_PrivateKey(ssl, key) == 1
  }

  /// Wipes this process's copy of the key, after the connection has forgotten its own.
  func forgetKey() {
    unsafe EVP_PKEY_free(key)
    unsafe key = nil
  }
}

private func readKey(_ file: String) throws(TLSFileError) -> OpaquePointer {
  unsafe try withPEM(file) { text throws(TLSFileError) in
    var isEncrypted: Int32 = 0
    if let key = unsafe openssl_read_key(text, &isEncrypted) { return unsafe key }
    let isMissing = openssl_found_no_key() == 1
    let reason = lastOpenSSLError()
    throw TLSFileError(
      file: file,
      problem: isEncrypted == 1
        ? "the key is encrypted; expected one without a password (openssl pkey -in OLD -out NEW)"
        : isMissing ? "no private key in it; expected PEM" : "the private key is damaged: " + reason)
  }
}

private func demandCertificates(of file: String, _ context: OpaquePointer) throws(TLSFileError) {
  unsafe try withPEM(file) { text throws(TLSFileError) in
    unsafe try forEachCertificate(in: text, file) { certificate throws(TLSFileError) in
      guard unsafe X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate) == 1,
        unsafe SSL_CTX_add_client_CA(context, certificate) == 1
      else { throw TLSFileError(file: file, problem: lastOpenSSLError()) }
    }
  }
  unsafe SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
}
