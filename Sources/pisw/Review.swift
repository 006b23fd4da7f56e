// pisw review: the AdmissionReview that the API server would send for a pod.

import ArgumentParser
import JSON
import Manifests
import YAML

struct Review: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print the AdmissionReview that the API server sends for a pod.",
    usage: "pisw review [OPTION]... FILE",
    discussion: """
      EXAMPLES:
        pisw review pod.yaml | pisw-mutate --config config.yaml
        pisw review --old before.yaml after.yaml |
          pisw-mutate --config config.yaml
        pisw review all.yaml | while read -r review; do
          pisw-mutate --config config.yaml <<<"$review"
        done

      FILE holds manifests, - is standard input. Each pod in it, also one that a Deployment, Job or the like makes of \
      its template, gives one review, a line each, as JSON. The review has the fields of a real one; every uid is the \
      same, and the API server's defaults are left out.

      With --old, the reviews are those of an update of the Pods in FILE, which were before as in that file. Pods of \
      templates are never updated: a change of a Deployment makes new pods.
      """)

  enum Operation: String, ExpressibleByArgument, CaseIterable {
    case create = "CREATE"
    case update = "UPDATE"
  }

  @Option(help: ArgumentHelp("The operation (default: UPDATE with --old, else CREATE).", valueName: "OPERATION"))
  var operation: Operation?
  @Option(help: ArgumentHelp("The pods before an update.", valueName: "FILE"), completion: .file()) var old: String?
  @OptionGroup var namespace: NamespaceArgument
  @Argument(help: ArgumentHelp("A file with manifests.", valueName: "FILE"), completion: .file()) var file: String

  func validate() throws {
    if operation == .update, old == nil { throw ValidationError("--operation UPDATE needs --old, the pod before it") }
    if operation == .create, old != nil { throw ValidationError("--old is for --operation UPDATE") }
    if old == "-", file == "-" { throw ValidationError("standard input is one file, not two") }
  }

  func run() throws {
    let before = try old.map { try pods(in: try readManifest($0)) }
    let manifest = try readManifest(file)
    var out: [UInt8] = []
    for (pod, tree) in try pods(in: manifest) {
      var call = PodReviewCall.create
      if let before {
        do throws(NoUpdate) {
          call = try update(pod, before)
        } catch {
          var lines = Lines(manifest)
          throw end(.badInput, [lines.place(tree.offset(of: pod)).description + ": " + error.problem])
        }
      }
      do throws(ManifestProblem) {
        out += try tree.review(of: pod, call, namespace: namespace.name)
      } catch {
        throw end(.badInput, manifest.messages([error]))
      }
    }
    try write(out)
  }

  /// Every pod of a manifest, with its document.
  ///
  /// - Throws: the exit status 65, once everything that is wrong is told.
  private func pods(in manifest: Manifest) throws -> [(pod: ManifestPod, tree: YAMLTree)] {
    var pods: [(ManifestPod, YAMLTree)] = []
    var problems: [ManifestProblem] = []
    manifest.forEachDocument { tree in
      pods += tree.objects.flatMap { tree.pods(of: $0) }.map { ($0, tree) }
    } report: {
      problems.append($0)
    }
    if !problems.isEmpty { throw end(.badInput, manifest.messages(problems)) }
    if pods.isEmpty { throw end(.badInput, [manifest.name + ": no pod in it"]) }
    return pods
  }

  private func update(
    _ pod: ManifestPod, _ before: [(pod: ManifestPod, tree: YAMLTree)]
  ) throws(NoUpdate) -> PodReviewCall {
    let object = pod.object
    guard object.kind == "Pod" else {
      throw NoUpdate(
        problem: "pods of a \(asciiEscaped(object.kind)) are never updated, new ones are made: leave out --old")
    }
    let same = before.first { other in
      other.pod.object.kind == "Pod" && other.pod.object.name == object.name
        && (other.pod.object.namespace ?? namespace.name) == (object.namespace ?? namespace.name)
    }
    guard let same else { throw NoUpdate(problem: "the Pod \(quoted(object.name)) is not in the file of --old") }
    return .update(old: same.pod, in: same.tree)
  }
}

/// Why a pod is not updated.
private struct NoUpdate: Error {
  let problem: String
}
