// The system's OpenSSL, and wrappers for what Swift cannot import: macros and callbacks.
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

// Loads no configuration file, so that a server behaves the same on every machine.
static inline int openssl_start(void) {
  return OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL);
}

// The ALPN callback (RFC 7301): chooses http/1.1, and rejects a client that offers other protocols only.
static inline int openssl_choose_http1(SSL *ssl, const unsigned char **chosen, unsigned char *length,
                                       const unsigned char *offered, unsigned int offered_length, void *unused) {
  static const unsigned char own[] = "\x08http/1.1";
  (void)ssl, (void)unused;
  return SSL_select_next_proto((unsigned char **)chosen, length, own, sizeof own - 1, offered, offered_length)
                 == OPENSSL_NPN_NEGOTIATED
             ? SSL_TLSEXT_ERR_OK
             : SSL_TLSEXT_ERR_ALERT_FATAL;
}

// TLS 1.2 and 1.3, only ciphers with authenticated encryption, the fastest first, and no session resumption.
static inline int openssl_configure(SSL_CTX *context) {
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET
                                   | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_alpn_select_cb(context, openssl_choose_http1, NULL);
  return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) && SSL_CTX_set_num_tickets(context, 0)
         && SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256")
         && SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20");
}

// The password callback for keys: fails, because nobody could be asked. Sets the int that `asked` points to.
static inline int openssl_no_password(char *buffer, int size, int writing, void *asked) {
  (void)buffer, (void)size, (void)writing;
  *(int *)asked = 1;
  return -1;
}
static inline EVP_PKEY *openssl_read_key(BIO *text, int *asked) {
  return PEM_read_bio_PrivateKey(text, NULL, openssl_no_password, asked);
}

static inline int openssl_add_chain(SSL_CTX *context, X509 *certificate) {
  return (int)SSL_CTX_add1_chain_cert(context, certificate);
}
// Returns when a certificate expires, in seconds since 1970; -1 if its date is not valid.
static inline long openssl_expiry(const X509 *certificate) {
  struct tm end;
  return ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) ? (long)timegm(&end) : -1;
}
static inline int openssl_reason(unsigned long error) { return ERR_GET_REASON(error); }
// Whether the last error means that a text contains no key. In OpenSSL 3, decoders search for one and report
// ERR_R_UNSUPPORTED.
static inline int openssl_found_no_key(void) {
  int reason = ERR_GET_REASON(ERR_peek_last_error());
  return reason == PEM_R_NO_START_LINE || reason == ERR_R_UNSUPPORTED;
}
