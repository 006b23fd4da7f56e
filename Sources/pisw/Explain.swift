// pisw explain: why an image goes where it goes, for a person to read.

import Admission
import ArgumentParser
import ConfigurationReview
import SwapPolicy

struct Explain: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Tell why an image goes where it goes.",
    discussion: """
      Prints the image's whole name, every rule that is asked, in order, with where it stands in the configuration, \
      the one that decides, and the result.

      EXAMPLES
        pisw explain --config config.yaml quay.io/team/app
      """)

  @OptionGroup var configuration: ConfigurationArguments
  @Argument(help: "An image's name.") var name: String

  func run() throws {
    let policy = try configuration.load().policy
    try write(explanation(of: name, under: policy))
  }
}
