// The types of option values, as ArgumentParser reads and shows them.

import ArgumentParser
import Server

extension Address: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
  public var defaultValueDescription: String { description }
}

extension Isolation: ExpressibleByArgument {}
extension Sandbox: ExpressibleByArgument {}
extension LogFormat: ExpressibleByArgument {}

/// The value of `--admin-listen`: an address, or `off`.
struct AdminAddress: ExpressibleByArgument {
  let address: Address?

  static let any = AdminAddress(address: .any(port: 9090))

  private init(address: Address?) { self.address = address }

  init?(argument: String) {
    if argument == "off" {
      address = nil
    } else {
      guard let address = Address(argument) else { return nil }
      self.address = address
    }
  }

  var defaultValueDescription: String { address?.description ?? "off" }
}

/// A time in seconds from 0 to a day, rounded to milliseconds.
struct Seconds: ExpressibleByArgument {
  let milliseconds: Int

  init(_ milliseconds: Int) { self.milliseconds = milliseconds }

  init?(argument: String) {
    guard let seconds = Double(argument), seconds >= 0, seconds <= 86_400 else { return nil }
    milliseconds = Int((seconds * 1000).rounded())
  }

  var defaultValueDescription: String {
    milliseconds % 1000 == 0 ? String(milliseconds / 1000) : String(Double(milliseconds) / 1000)
  }
}
