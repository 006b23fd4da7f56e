// Socket addresses: as text, such as `127.0.0.1:8443`, and as the `sockaddr` that the kernel takes.

import Glibc

/// A numeric IP address and a port.
public struct Address: Equatable, Sendable {
  /// `127.0.0.1` or `::1`, without brackets.
  public let host: String
  public let port: UInt16

  /// All addresses of this machine, IPv6 and IPv4.
  public static func any(port: UInt16) -> Address { Address(host: "::", port: port) }

  private init(host: String, port: UInt16) {
    self.host = host
    self.port = port
  }

  /// Parses `127.0.0.1:8443`, `[::1]:8443`, or `:8443` for all addresses; `nil` for any other text, host names
  /// included.
  public init?(_ text: String) {
    guard let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")),
      let port = UInt16(text[text.utf8.index(after: colon)...]),
      text[text.utf8.index(after: colon)...].utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 })
    else { return nil }
    var host = text[..<colon]
    let isBracketed = host.utf8.first == UInt8(ascii: "[") && host.utf8.last == UInt8(ascii: "]")
    if isBracketed { host = host.dropFirst().dropLast() }
    self.init(host: host.isEmpty && !isBracketed ? "::" : String(host), port: port)
    var number = in6_addr()
    let family = isBracketed || host.isEmpty ? AF_INET6 : AF_INET
    guard unsafe inet_pton(family, self.host, &number) == 1 else { return nil }
  }

  /// Converts an address that accept4(2) or getsockname(2) returned.
  init(_ storage: sockaddr_storage) {
    var storage = storage
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    let isIPv6 = storage.ss_family == sa_family_t(AF_INET6)
    let port = unsafe withUnsafeBytes(of: &storage) { bytes in
      // In `sockaddr_in` and `sockaddr_in6` alike, the port is in bytes 2 and 3. The address begins at byte 4 for IPv4
      // and at byte 8 for IPv6.
      _ = unsafe inet_ntop(
        Int32(isIPv6 ? AF_INET6 : AF_INET), bytes.baseAddress?.advanced(by: isIPv6 ? 8 : 4), &text,
        socklen_t(text.count))
      return unsafe UInt16(bytes[2]) << 8 | UInt16(bytes[3])
    }
    self.init(host: String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self), port: port)
  }

  private var isIPv6: Bool { host.utf8.contains(UInt8(ascii: ":")) }

  /// The address as text, with brackets around IPv6: `[::1]:8443`.
  public var description: String { (isIPv6 ? "[" + host + "]" : host) + ":" + String(port) }

  /// Calls `body` with the address as a `sockaddr` and its length.
  func withSocketAddress<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
    var storage = sockaddr_storage()
    storage.ss_family = sa_family_t(isIPv6 ? AF_INET6 : AF_INET)
    unsafe withUnsafeMutableBytes(of: &storage) { bytes in
      unsafe bytes[2] = UInt8(port >> 8)
      unsafe bytes[3] = UInt8(port & 0xFF)
      _ = unsafe inet_pton(isIPv6 ? AF_INET6 : AF_INET, host, bytes.baseAddress?.advanced(by: isIPv6 ? 8 : 4))
    }
    let length = socklen_t(isIPv6 ? MemoryLayout<sockaddr_in6>.size : MemoryLayout<sockaddr_in>.size)
    return unsafe withUnsafePointer(to: &storage) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, length) }
    }
  }
}
