// The server's keys in the configuration file, which are the original's.

import Configuration
import Policy
import Testing
import UnitTestSupport

private func keys(_ yaml: String) -> ServerKeys {
  var configuration = Configuration()
  configuration.add(file: "config.yaml", Array(yaml.utf8))
  return configuration.server
}

@Suite("A server's keys in the configuration")
struct ServerKeysTests {
  @Test("Without a file, or without the keys, they are nil", arguments: ["", "{}", "mirrors: {docker.io: p.io}"])
  func none(_ yaml: String) {
    #expect(Configuration().server == ServerKeys())
    #expect(keys(yaml) == ServerKeys())
    #expect(keys(yaml).port == nil && keys(yaml).certificatePath == nil && keys(yaml).keyPath == nil)
  }

  @Test("Each is kept as written, and independent of the others")
  func kept() {
    let all = keys("port: 8443\ntlscertpath: /tls/cert.pem\ntlskeypath: \"/tls/my key.pem\"\n")
    #expect(all.port == 8443 && all.certificatePath == "/tls/cert.pem" && all.keyPath == "/tls/my key.pem")
    let port = keys("port: 1")
    #expect(port.port == 1 && port.certificatePath == nil && port.keyPath == nil)
    let certificate = keys("tlscertpath: c")
    #expect(certificate.port == nil && certificate.certificatePath == "c" && certificate.keyPath == nil)
    let key = keys("tlskeypath: k")
    #expect(key.port == nil && key.certificatePath == nil && key.keyPath == "k")
  }

  @Test("A port is a number from 1 to 65535, quoted or not", arguments: ["1", "8443", "65535", "\"443\"", "'80'"])
  func ports(_ text: String) {
    #expect(keys("port: " + text).port == UInt16(text.filter(\.isNumber)))
  }

  @Test(
    "Any other port is an error",
    arguments: ["0", "65536", "-1", "1.0", "80a", "0x50", "~", "''", "[80]", "{a: b}", "99999999999999999999"])
  func otherPorts(_ text: String) {
    #expect(keys("port: " + text).port == nil)
    #expect(problems("port: " + text).count == 1)
  }

  @Test("An empty path, or one that is not text, is an error", arguments: ["tlscertpath", "tlskeypath"])
  func paths(_ key: String) {
    for value in ["''", "~", "[a]", "{a: b}", ""] { #expect(problems(key + ": " + value).count == 1, "\(value)") }
  }

  @Test("They are set even if the rest of the file has errors")
  func besideErrors() {
    let keys = keys("unknown: 1\nport: 8443\nmirrors: 5\ntlskeypath: k\n")
    #expect(keys.port == 8443 && keys.keyPath == "k")
  }
}
