// Listening addresses: which texts are valid, what they mean, and their conversion to and from `sockaddr`.

import Glibc
import Testing

@testable import Server

@Suite("Addresses")
struct AddressTests {
  @Test(
    "A valid text is parsed into host and port, and formatted again",
    arguments: [
      ("127.0.0.1:8443", "127.0.0.1", 8443, "127.0.0.1:8443"), ("0.0.0.0:0", "0.0.0.0", 0, "0.0.0.0:0"),
      ("10.1.2.3:65535", "10.1.2.3", 65535, "10.1.2.3:65535"), ("[::1]:8443", "::1", 8443, "[::1]:8443"),
      ("[::]:9090", "::", 9090, "[::]:9090"), (":8443", "::", 8443, "[::]:8443"), (":0", "::", 0, "[::]:0"),
      ("[fe80::1]:1", "fe80::1", 1, "[fe80::1]:1"), ("[2001:DB8::1]:443", "2001:DB8::1", 443, "[2001:DB8::1]:443"),
      ("[::ffff:127.0.0.1]:80", "::ffff:127.0.0.1", 80, "[::ffff:127.0.0.1]:80"),
      ("127.0.0.1:008443", "127.0.0.1", 8443, "127.0.0.1:8443"),
    ])
  func valid(_ text: String, _ host: String, _ port: UInt16, _ description: String) throws {
    let address = try #require(Address(text))
    #expect(address.host == host && address.port == port)
    #expect(address.description == description)
    #expect(Address(description) == address)
  }

  @Test(
    "Any other text is rejected",
    arguments: [
      "", ":", "::", "8443", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+80",
      "127.0.0.1: 80", "127.0.0.1:80 ", " 127.0.0.1:80", "127.0.0.1:8o", "127.0.0.1:http", "127.0.0.1:99999999999",
      "localhost:8443", "example.com:443", "127.0.0:80", "256.0.0.1:80", "127.0.0.1.1:80", "::1:8443", "::1", "[::1]",
      "[::1]8443", "[::1:8443", "::1]:8443", "[]:8443", "[127.0.0.1]:8443", "[[::1]]:8443", "[:::]:80", "[g::1]:80",
      "[::1%lo]:80", "[:80", "]:80", "*:80", "https://127.0.0.1:80", "127.0.0.1:٨٠", "127.0.0.1:80:80", "0x7f.1:80",
    ])
  func invalid(_ text: String) {
    #expect(Address(text) == nil)
  }

  @Test("The address for all interfaces is that of IPv6 and IPv4")
  func any() {
    #expect(Address.any(port: 8443) == Address(":8443"))
    #expect(Address.any(port: 8443).description == "[::]:8443")
  }

  @Test(
    "Family, port and number survive the conversion to sockaddr and back",
    arguments: ["127.0.0.1:8443", "0.0.0.0:1", "255.254.253.252:65535", "[::1]:258", "[::]:9090", "[2001:db8::a]:443"])
  func kernel(_ text: String) throws {
    let address = try #require(Address(text))
    let isIPv6 = text.hasPrefix("[")
    var storage = sockaddr_storage()
    let length = unsafe address.withSocketAddress { pointer, length in
      unsafe memcpy(&storage, pointer, Int(length))
      return length
    }
    #expect(Int(length) == (isIPv6 ? MemoryLayout<sockaddr_in6>.size : MemoryLayout<sockaddr_in>.size))
    #expect(storage.ss_family == sa_family_t(isIPv6 ? AF_INET6 : AF_INET))
    #expect(Address(storage) == address)
    let port = unsafe withUnsafeBytes(of: storage) { unsafe [$0[2], $0[3]] }
    #expect(port == [UInt8(address.port >> 8), UInt8(address.port & 0xFF)])
  }
}
