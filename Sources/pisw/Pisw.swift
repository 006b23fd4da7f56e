// pisw: the tool for people. It shows, before anything is deployed, what the webhook will do.

import ArgumentParser
import Version

@main
struct Pisw: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "See what the admission webhook will do to the images of pods, before anything is deployed.",
    version: version,
    subcommands: [])
}
