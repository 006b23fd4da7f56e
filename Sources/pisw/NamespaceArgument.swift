// The option --namespace, which all subcommands that read manifests share.

import ArgumentParser
import JSON

struct NamespaceArgument: ParsableArguments {
  @Option(
    name: .customLong("namespace"),
    help: ArgumentHelp("The namespace of objects that do not name one.", valueName: "NAMESPACE"))
  var name = "default"

  func validate() throws {
    if !isNamespace(name) {
      throw ValidationError("--namespace \(quoted(name)): expected lower-case letters, digits and -, at most 63")
    }
  }
}

/// Whether a text is a DNS label (RFC 1123), which a namespace's name must be.
private func isNamespace(_ text: String) -> Bool {
  guard let first = text.utf8.first, let last = text.utf8.last, text.utf8.count <= 63 else { return false }
  return first != UInt8(ascii: "-") && last != UInt8(ascii: "-")
    && text.utf8.allSatisfy { ($0 >= 0x61 && $0 <= 0x7A) || ($0 >= 0x30 && $0 <= 0x39) || $0 == UInt8(ascii: "-") }
}
