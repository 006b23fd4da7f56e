// pisw review: prints the AdmissionReview that the API server would send for a pod.

import ArgumentParser
import JSON
import Manifests
import YAML

struct Review: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print the AdmissionReview that the API server would send for a pod.",
    usage: "pisw review [OPTION]... FILE",
    discussion: """
      EXAMPLES:
        pisw review pod.yaml | pisw-mutate --config config.yaml
        pisw review --old before.yaml after.yaml |
          pisw-mutate --config config.yaml
        pisw review all.yaml | while read -r review; do
          pisw-mutate --config config.yaml <<<"$review"
        done

      FILE contains manifests; - is standard input. For each pod in it, also one that a Deployment or a Job makes \
      from its template, it prints one review, as a line of JSON. A review has the fields of a real one, except that \
      every uid is the same, and that the API server's defaults are missing.

      With --old, the reviews are of updates: FILE has the Pods after the update, and the file of --old has them \
      before it. Pods from templates are never updated: a changed Deployment makes new pods.
      """)

  enum Operation: String, ExpressibleByArgument, CaseIterable {
    case create = "CREATE"
    case update = "UPDATE"
  }

  @Option(help: ArgumentHelp("The operation (default: UPDATE with --old, else CREATE).", valueName: "OPERATION"))
  var operation: Operation?
  @Option(help: ArgumentHelp("A file with the Pods before the update.", valueName: "FILE"), completion: .file())
  var old: String?
  @OptionGroup var namespace: NamespaceArgument
  @Argument(help: ArgumentHelp("A file with manifests.", valueName: "FILE"), completion: .file()) var file: String

  func validate() throws {
    if operation == .update, old == nil { throw ValidationError("--operation UPDATE needs --old, the pod before it") }
    if operation == .create, old != nil { throw ValidationError("--old is for --operation UPDATE") }
    if old == "-", file == "-" { throw ValidationError("--old and FILE cannot both be standard input") }
  }

  func run() throws {
    let before = try old.map { try pods(in: try readManifest($0)) }
    let manifest = try readManifest(file)
    var out: [UInt8] = []
    for (pod, tree) in try pods(in: manifest) {
      var call = PodReviewCall.create
      if let before {
        do throws(UpdateRefusal) {
          call = try update(pod, before)
        } catch {
          var lines = Lines(manifest)
          throw reportFailure(.badInput, [lines.place(tree.offset(of: pod)).description + ": " + error.problem])
        }
      }
      do throws(ManifestProblem) {
        out += try tree.review(of: pod, call, namespace: namespace.name)
      } catch {
        throw reportFailure(.badInput, manifest.messages([error]))
      }
    }
    try writeOutput(out)
  }

  /// Every pod of a manifest, with its document.
  ///
  /// - Throws: the exit status 65, after it reports every problem.
  private func pods(in manifest: Manifest) throws -> [(pod: ManifestPod, tree: YAMLTree)] {
    var pods: [(ManifestPod, YAMLTree)] = []
    var problems: [ManifestProblem] = []
    manifest.forEachDocument { tree in
      pods += tree.objects.flatMap { tree.pods(of: $0) }.map { ($0, tree) }
    } report: {
      problems.append($0)
    }
    if !problems.isEmpty { throw reportFailure(.badInput, manifest.messages(problems)) }
    if pods.isEmpty { throw reportFailure(.badInput, [manifest.name + ": no pod in it"]) }
    return pods
  }

  private func update(
    _ pod: ManifestPod, _ before: [(pod: ManifestPod, tree: YAMLTree)]
  ) throws(UpdateRefusal) -> PodReviewCall {
    let object = pod.object
    guard object.kind == "Pod" else {
      throw UpdateRefusal(
        problem: "pods of a \(asciiEscaped(object.kind)) are never updated, but replaced: leave out --old")
    }
    let same = before.first { other in
      other.pod.object.kind == "Pod" && other.pod.object.name == object.name
        && (other.pod.object.namespace ?? namespace.name) == (object.namespace ?? namespace.name)
    }
    guard let same else { throw UpdateRefusal(problem: "the Pod \(quoted(object.name)) is not in the file of --old") }
    return .update(old: same.pod, in: same.tree)
  }
}

/// Why there is no review of a pod's update.
private struct UpdateRefusal: Error {
  let problem: String
}
