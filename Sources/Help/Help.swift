// Help in the order in which people look for it: usage, what the command is for, examples, options, and then the details.
// ArgumentParser prints all prose first, and has no setting for that.

import ArgumentParser

extension ParsableCommand {
  /// Runs the program, as ArgumentParser's `main` does. The examples in a command's discussion are one
  /// paragraph, which begins with `EXAMPLES:`.
  public static func start() -> Never {
    do {
      var command = try parseAsRoot()
      try command.run()
      exit()
    } catch {
      let message = fullMessage(for: error)
      guard message.hasPrefix("OVERVIEW: ") else { exit(withError: error) }
      exit(withError: CleanExit.message(reordered(message)))
    }
  }
}

private func reordered(_ help: String) -> String {
  let paragraphs = help.split(separator: "\n\n")
  guard let usage = paragraphs.firstIndex(where: { $0.hasPrefix("USAGE: ") }) else { return help }
  var text = [paragraphs[usage], paragraphs[0].dropFirst("OVERVIEW: ".count)]
  let isExample = { (paragraph: Substring) in paragraph.hasPrefix("EXAMPLES:") }
  text += paragraphs[1..<usage].filter(isExample)
  text += paragraphs[(usage + 1)...].map(withoutBrackets)
  text += paragraphs[1..<usage].filter { !isExample($0) }
  return text.joined(separator: "\n\n")
}

/// Options as manual pages write them: `--config FILE`, not `--config <FILE>`.
private func withoutBrackets(_ section: Substring) -> Substring {
  var lines = section.split(separator: "\n")
  for (index, line) in lines.enumerated() where line.hasPrefix("  -") || line.hasPrefix("  <") {
    lines[index] = Substring(line.replacing("<", with: "").replacing(">", with: line.hasSuffix(">") ? "" : "  "))
  }
  return Substring(lines.joined(separator: "\n"))
}
