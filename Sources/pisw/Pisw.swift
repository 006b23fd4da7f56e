// pisw: the tool for people. It shows, before anything is deployed, what the webhook will do.

import ArgumentParser
import Help
import Version

/// The name that the program was started by tells which tool it is: two of the original's have their own.
@main
enum Program {
  static func main() {
    switch programName {
    case "normalize-docker-image-name": NormalizeDockerImageName.start()
    case "patch-docker-image-name": PatchDockerImageName.start()
    default: Pisw.start()
    }
  }
}

struct Pisw: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pisw",
    abstract: "See what the admission webhook will do to the images of pods, before anything is deployed.",
    usage: "pisw COMMAND [OPTION]...",
    discussion: """
      EXAMPLES:
        pisw preview --config config.yaml manifests/
        pisw image --mirror docker.io=proxy.example.com nginx
        pisw explain --config config.yaml quay.io/team/app
        pisw config check config.yaml

      Every command reads the same configuration as the webhook: the file that --config names, else the file that \
      PISW_CONFIG names, else /etc/pisw/config.yaml if it exists; then REGISTRY_URL or PROXY_URL, the target for \
      docker.io; then --mirror. Each replaces single sources of images, never the whole map. --config also takes the \
      ConfigMap of the chart, as `helm template` or `kubectl get configmap -o yaml` prints it.

      ENVIRONMENT:
        PISW_CONFIG               the configuration file
        REGISTRY_URL, PROXY_URL   the target for docker.io; both must agree

      EXIT STATUS:
        0   done
        1   --check found something to change
        64  wrong options or arguments
        65  bad input: NAME:LINE:COLUMN: what is wrong
        66  no such input file
        70  a fault of this program
        71  reading or writing failed
        78  the configuration is wrong or missing

      COMPLETION:
        source <(pisw --generate-completion-script bash)    # or zsh, or fish
      """,
    version: versionLine(of: "pisw"),
    subcommands: [PreviewCommand.self, Image.self, Explain.self, Config.self, Review.self, KRM.self])
}
