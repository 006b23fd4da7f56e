// A TLS server's identity: its certificate, chain and private key, and the authorities that client certificates must
// come from.

import CLinux
import COpenSSL
import Glibc

/// The files of a server's identity.
public struct TLSFiles: Equatable, Sendable {
  /// The server's certificate, followed by its intermediate certificates.
  public var certificate: String
  /// The private key, not encrypted.
  public var key: String
  /// The certificate authorities for client certificates; `nil` to require no client certificate.
  public var clientCA: String?

  public init(certificate: String, key: String, clientCA: String? = nil) {
    self.certificate = certificate
    self.key = key
    self.clientCA = clientCA
  }
}

/// Initialises OpenSSL. Call it once per process, before anything else in this module.
///
/// OpenSSL gets a heap of its own, which wipes memory when it is freed, so that no copy of a private key is left
/// behind.
///
/// - Returns: `false` if the address space has no room for that heap.
public func startTLS() -> Bool {
  let isOurs = unsafe CRYPTO_set_mem_functions(secret_allocate, secret_reallocate, secret_free) == 1
  precondition(isOurs, "OpenSSL was used before startTLS")
  return openssl_start() == 1
}

/// Unmaps all TLS memory in a process that does not need it. No code of this module may run afterwards.
public func unmapTLS() { secret_unmap() }

/// A server's identity, loaded and verified.
///
/// The private key is stored beside OpenSSL's context, not in it, so that a connection process can wipe it.
@safe public final class TLSIdentity {
  let context: OpaquePointer
  /// `nil` once wiped.
  private var key: OpaquePointer?
  /// When the certificate expires, in seconds since 1970; -1 if OpenSSL cannot tell.
  public let expiry: Int

  /// Loads and verifies an identity.
  ///
  /// - Throws: `TLSFileError` for a file that is missing, unreadable, not PEM, encrypted, or that does not match the
  ///   others.
  public init(_ files: TLSFiles) throws(TLSFileError) {
    guard let context = unsafe SSL_CTX_new(TLS_server_method()), unsafe openssl_configure(context) == 1 else {
      throw TLSFileError(file: files.certificate, problem: lastOpenSSLError())
    }
    unsafe self.context = context
    // `deinit` runs only if every stored property has a value. Until then, errors must free what was created.
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
      if let file = files.clientCA { unsafe try requireClientCertificates(from: file, context) }
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

  /// Installs the key in a connection.
  func installKey(in ssl: OpaquePointer) -> Bool {
    unsafe SSL_use_PrivateKey(ssl, key) == 1
  }

  /// Wipes this process's copy of the key. Call it after the connection has released its own reference.
  func wipeKey() {
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

private func requireClientCertificates(from file: String, _ context: OpaquePointer) throws(TLSFileError) {
  unsafe try withPEM(file) { text throws(TLSFileError) in
    unsafe try forEachCertificate(in: text, file) { certificate throws(TLSFileError) in
      guard unsafe X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate) == 1,
        unsafe SSL_CTX_add_client_CA(context, certificate) == 1
      else { throw TLSFileError(file: file, problem: lastOpenSSLError()) }
    }
  }
  unsafe SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
}
