// Reads the options of pisw-mutate with getopt_long.

import CLinux
import Configuration
import JSON
import OneShot
import System
import Version

struct Options {
  var configuration = ConfigurationOptions()
  var isHTTP = false
  var explains = false
  /// The largest review, in bytes. A review may contain a pod twice, each as large as the API server accepts (3 MiB).
  var maxBytes = 8 << 20
  var file: String?

  enum Parsed {
    case run(Options)
    /// The program has nothing more to do, and exits.
    case exit(ExitStatus)
  }

  static func parse() -> Parsed {
    var options = Options()
    // getopt_long needs names that outlive the call, like those of StaticString, and an entry of zeros at the end.
    let table = unsafe [
      entry("config", "c", hasArgument: true), entry("mirror", "m", hasArgument: true), entry("http", "H"),
      entry("explain", "e"), entry("max-bytes", "b", hasArgument: true), entry("version", "V"), entry("help", "h"),
      option(),
    ]
    while true {
      let found = unsafe posix_next_option(CommandLine.argc, CommandLine.unsafeArgv, ":h", table)
      let argument = unsafe found.argument.map { unsafe String(cString: $0) } ?? ""
      switch unsafe found.code {
      case code("c"):
        if argument.isEmpty { return usageError("--config is empty: expected a file's name") }
        options.configuration.file = argument
      case code("m"):
        guard argument.utf8.contains(UInt8(ascii: "=")) else {
          return usageError(
            "--mirror " + asciiEscaped(argument) + ": expected UPSTREAM=TARGET, as docker.io=proxy.example.com")
        }
        options.configuration.mirrors.append(argument)
      case code("H"): options.isHTTP = true
      case code("e"): options.explains = true
      case code("b"):
        guard let number = Int(argument), number > 0, number < Int(Int32.max) else {
          return usageError("--max-bytes " + asciiEscaped(argument) + ": expected a number of bytes")
        }
        options.maxBytes = number
      case code("V"): return .exit(writeOutput(Array((versionLine(of: "pisw-mutate") + "\n").utf8), .standard))
      case code("h"): return .exit(writeOutput(Array(help.utf8), .standard))
      case -1:
        let operands = unsafe CommandLine.argc - found.next
        if operands > 1 { return usageError("expected one FILE, not \(operands)") }
        if options.isHTTP, operands > 0 { return usageError("--http reads standard input, and takes no FILE") }
        if operands > 0 { options.file = unsafe CommandLine.arguments[Int(found.next)] }
        return .run(options)
      case let code:
        // The colon at the beginning of ":h" keeps getopt_long from writing messages of its own.
        let option = asciiEscaped(unsafe CommandLine.arguments[Int(found.next) - 1])
        return usageError(
          option
            + (code == Int32(UInt8(ascii: ":"))
              ? ": expected a value" : ": unknown option, or an option that takes no value"))
      }
    }
  }

  private static func entry(_ name: StaticString, _ code: Unicode.Scalar, hasArgument: Bool = false) -> option {
    unsafe option(
      name: UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self),
      has_arg: hasArgument ? required_argument : no_argument, flag: nil, val: self.code(code))
  }

  private static func code(_ letter: Unicode.Scalar) -> Int32 { Int32(letter.value) }

  private static func usageError(_ problem: String) -> Parsed {
    Messages.standard.write([problem, synopsis])
    return .exit(.usage)
  }
}
