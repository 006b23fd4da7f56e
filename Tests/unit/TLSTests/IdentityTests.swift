// Certificates and keys as operators have them, created with the openssl command: which are accepted, and which error
// each of the others causes. OpenSSL is initialised once for the whole test process.

import Foundation
import TLS
import Testing

/// The files for all tests, created once.
private final class Files: Sendable {
  static let all = Result { try Files() }
  let folder = NSTemporaryDirectory() + "pisw-tls-\(UUID().uuidString)/"

  private init() throws {
    try #require(startTLS())
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let script = """
      set -e
      ec='-pkeyopt ec_paramgen_curve:P-256'
      openssl req -x509 -newkey ec $ec -nodes -keyout ca.key -out ca.pem -days 30 -subj /CN=ca
      openssl req -newkey ec $ec -nodes -keyout ec.key -out ec.csr -subj /CN=pisw
      openssl x509 -req -in ec.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out ec.pem -days 20
      openssl req -x509 -newkey rsa:2048 -nodes -keyout rsa.key -out rsa.pem -days 10 -subj /CN=pisw
      openssl rsa -in rsa.key -traditional -out rsa1.key
      openssl ec -in ec.key -out sec1.key
      openssl pkey -in ec.key -aes256 -passout pass:x -out encrypted.key
      openssl rsa -in rsa.key -traditional -aes256 -passout pass:x -out encrypted1.key
      openssl x509 -in ec.pem -outform DER -out der.pem
      openssl pkey -in ec.key -outform DER -out der.key
      openssl pkey -in ec.key -pubout -out public.key
      openssl x509 -in ec.pem -noout -enddate | sed 's/notAfter=//' | xargs -0 -I@ date -d @ +%s >ec.end
      cat ec.pem ca.pem >chain.pem
      cat ca.pem ec.pem >reversed.pem
      cat ec.key chain.pem >both.pem
      (echo 'Bag Attributes'; cat chain.pem; echo 'the end') >commented.pem
      sed '3s/^.\\{8\\}/AAAAAAAA/' ec.pem >damaged.pem
      sed '3s/^.\\{8\\}/----!!--/' ec.pem >garbled.pem
      cat ec.pem damaged.pem >chain-damaged.pem
      head -n 5 ec.pem >cut.pem
      head -n 2 ec.key >cut.key
      sed '2s/^.\\{8\\}/AAAAAAAA/' ec.key >damaged.key
      : >empty.pem
      echo 'just text' >text.pem
      head -c 1048577 /dev/zero | tr '\\0' a >large.pem
      """
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = ["-c", script]
    process.currentDirectoryURL = URL(filePath: folder)
    let errors = Pipe()
    process.standardError = errors
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    let said = try errors.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "\(String(decoding: said, as: UTF8.self))")
    // A static value is never deinitialised, so the folder is removed when the process exits.
    unsafe Files.atEnd = folder
    atexit { try? FileManager.default.removeItem(atPath: unsafe Files.atEnd) }
  }

  nonisolated(unsafe) private static var atEnd = ""
}

/// Loads an identity from files of the folder.
private func identity(_ certificate: String, _ key: String, _ clientCA: String? = nil) throws -> TLSIdentity {
  let folder = try Files.all.get().folder
  return try TLSIdentity(
    TLSFiles(certificate: folder + certificate, key: folder + key, clientCA: clientCA.map { folder + $0 }))
}

/// Serialised, because OpenSSL's heap is not thread-safe.
@Suite("A server's identity", .serialized)
struct IdentityTests {
  @Test(
    "EC and RSA keys in every format, chains, and files with additional content are accepted",
    arguments: [
      ("ec.pem", "ec.key", nil), ("ec.pem", "sec1.key", nil), ("rsa.pem", "rsa.key", nil), ("rsa.pem", "rsa1.key", nil),
      ("chain.pem", "ec.key", nil), ("both.pem", "both.pem", nil), ("commented.pem", "ec.key", nil),
      ("chain.pem", "ec.key", "ca.pem"), ("ec.pem", "ec.key", "chain.pem"),
    ] as [(String, String, String?)])
  func valid(_ certificate: String, _ key: String, _ clientCA: String?) throws {
    let identity = try identity(certificate, key, clientCA)
    // An in-memory handshake must not crash, even if client certificates are required.
    identity.warmUp()
    #expect(identity.expiry > Int(Date().timeIntervalSince1970))
  }

  @Test("The expiry is that of the first certificate", arguments: ["ec.pem", "chain.pem"])
  func expiry(_ certificate: String) throws {
    let end = try String(contentsOfFile: try Files.all.get().folder + "ec.end", encoding: .utf8)
    #expect(try identity(certificate, "ec.key").expiry == Int(end.dropLast()))
  }

  @Test(
    "The error names the file and the problem",
    arguments: [
      // Certificates.
      ("missing.pem", "ec.key", nil, "missing.pem", "No such file"),
      (".", "ec.key", nil, ".", "directory"), ("empty.pem", "ec.key", nil, "empty.pem", "no certificate in it"),
      ("text.pem", "ec.key", nil, "text.pem", "no certificate in it; expected PEM"),
      ("der.pem", "ec.key", nil, "der.pem", "no certificate in it; expected PEM"),
      ("ec.key", "ec.key", nil, "ec.key", "no certificate in it"),
      ("damaged.pem", "ec.key", nil, "damaged.pem", "certificate 1 is damaged: "),
      ("garbled.pem", "ec.key", nil, "garbled.pem", "certificate 1 is damaged: "),
      ("cut.pem", "ec.key", nil, "cut.pem", "certificate 1 is damaged: "),
      ("chain-damaged.pem", "ec.key", nil, "chain-damaged.pem", "certificate 2 is damaged: "),
      ("large.pem", "ec.key", nil, "large.pem", "larger than 1 MiB"),
      // Keys.
      ("ec.pem", "missing.key", nil, "missing.key", "No such file"),
      ("ec.pem", "text.pem", nil, "text.pem", "no private key in it; expected PEM"),
      ("ec.pem", "empty.pem", nil, "empty.pem", "no private key in it"),
      ("ec.pem", "der.key", nil, "der.key", "no private key in it; expected PEM"),
      ("ec.pem", "public.key", nil, "public.key", "no private key in it"),
      ("ec.pem", "ec.pem", nil, "ec.pem", "no private key in it"),
      ("ec.pem", "encrypted.key", nil, "encrypted.key", "the key is encrypted"),
      ("rsa.pem", "encrypted1.key", nil, "encrypted1.key", "the key is encrypted"),
      ("ec.pem", "damaged.key", nil, "damaged.key", "the private key is damaged: "),
      ("ec.pem", "cut.key", nil, "cut.key", "no private key in it"),
      ("ec.pem", "large.pem", nil, "large.pem", "larger than 1 MiB"),
      // Keys that do not match.
      ("ec.pem", "ca.key", nil, "ca.key", "not the key of the certificate in "),
      ("ec.pem", "rsa.key", nil, "rsa.key", "not the key of the certificate in "),
      ("rsa.pem", "ec.key", nil, "ec.key", "not the key of the certificate in "),
      ("reversed.pem", "ec.key", nil, "ec.key", "not the key of the certificate in "),
      // Client certificate authorities.
      ("ec.pem", "ec.key", "missing.pem", "missing.pem", "No such file"),
      ("ec.pem", "ec.key", "text.pem", "text.pem", "no certificate in it"),
      ("ec.pem", "ec.key", "damaged.pem", "damaged.pem", "certificate 1 is damaged: "),
    ] as [(String, String, String?, String, String)])
  func invalid(
    _ certificate: String, _ key: String, _ clientCA: String?, _ file: String, _ problem: String
  ) throws {
    let error = try #require(throws: TLSFileError.self) { _ = try identity(certificate, key, clientCA) }
    let folder = try Files.all.get().folder
    #expect(error.file == folder + file && error.problem.contains(problem))
    #expect(error.description == error.file + ": " + error.problem)
    #expect(!error.problem.contains("no reason given"))
    // The error queue of OpenSSL is cleared, so the next load succeeds.
    _ = try identity("chain.pem", "ec.key", "ca.pem")
  }
}
