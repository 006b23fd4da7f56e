// pisw: the tool for people. It shows what the webhook will do before anything is deployed.

import ArgumentParser
import Help
import Version

/// Chooses the tool by the name of the program, because two of the original's tools are links to it.
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
      docker.io; then --mirror. A later one replaces single mirrors, never the whole map. --config also takes the \
      chart's ConfigMap, as `helm template` or `kubectl get configmap -o yaml` prints it.

      ENVIRONMENT:
        PISW_CONFIG               the configuration file
        REGISTRY_URL, PROXY_URL   the target for docker.io; must agree if both are set

      EXIT STATUS:
        0   done
        1   --check: an image would change
        64  wrong options or arguments
        65  invalid input: NAME:LINE:COLUMN: the problem
        66  no such input file
        70  a bug in pisw
        71  reading or writing failed
        78  the configuration is wrong or missing

      COMPLETION:
        source <(pisw --generate-completion-script bash)    # or zsh, or fish
      """,
    version: versionLine(of: "pisw"),
    subcommands: [PreviewCommand.self, Image.self, Explain.self, Config.self, Review.self, KRM.self])
}
