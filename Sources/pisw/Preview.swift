// pisw preview: shows what the webhook will do to the images in manifests, before they are deployed.

import ArgumentParser
import Glibc
import JSON
import Manifests
import System

struct PreviewCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "preview",
    abstract: "Show what the webhook will do to the images in manifests, or write it into them.",
    usage: "pisw preview [OPTION]... [PATH]...",
    discussion: """
      EXAMPLES:
        pisw preview --config config.yaml manifests/
        helm template chart | pisw preview --config config.yaml --output table
        pisw preview --config config.yaml --check --output github manifests/
        kubectl get pods -A -o json |
          pisw preview --config config.yaml --output images

      Reads YAML and JSON from files, from folders (*.yaml, *.yml and *.json at any depth, but no hidden files, no \
      hidden folders and no links to folders), and from standard input (-, or no path). For each pod and each pod \
      template, it builds the review that the API server would send, and runs the webhook's own code on it. It knows \
      the kinds of Kubernetes. In any other kind, it finds pods by their structure: an object whose spec has containers.

      In the text, only image names change: comments, order, quotes, anchors and line breaks stay byte for byte. If \
      anchors or merge keys share a name, it is edited where it is written, provided that all uses agree. Pods in a \
      namespace that the input labels k8s-proxy-image-swapper/skip=true stay, as with the chart's webhook.

      OUTPUTS:
        diff     a unified diff, for people, patch -p1 and git apply (the default)
        table    file, line, object, container, image, its new name, and why
        yaml     the whole text with images swapped: for a Helm post-renderer,
                 or a pipe after kustomize
        json     every image and every problem (schema: examples/preview.schema.json)
        patch    a JSON patch (RFC 6902) for each object
        images   the names that will be pulled through the proxy, each once: to
                 fill its cache
        github   annotations for a GitHub workflow
        gitlab   a code quality report for GitLab
        sarif    SARIF 2.1.0, for code scanning

      EXIT STATUS:
        0   done
        1   --check: an image would change
        64  wrong options
        65  a document is invalid: NAME:LINE:COLUMN: problem and remedy; the
            others are processed. Takes precedence over 1
        66  a path does not exist or cannot be read; the others are processed
        71  writing failed
        78  the configuration is wrong or missing
      """)

  @OptionGroup var arguments: ConfigurationArguments

  @Option(help: ArgumentHelp("What to print.", valueName: "OUTPUT"))
  var output = PreviewOutput.diff

  @OptionGroup var namespace: NamespaceArgument

  @Flag(help: "End with status 1 if an image would change.")
  var check = false

  @Flag(help: "Write the changes into the files.")
  var write = false

  @Flag(help: "Print the deciding rule of every image, changed or not, on standard error.")
  var explain = false

  @Argument(help: ArgumentHelp("Files, folders, or - for standard input.", valueName: "PATH"), completion: .file())
  var paths: [String] = []

  func validate() throws {
    if write, check { throw ValidationError("--write and --check exclude each other: run one after the other") }
    if write, paths.isEmpty || paths.contains("-") {
      throw ValidationError("--write needs files: standard input cannot be written (use --output yaml)")
    }
    if paths.isEmpty, isatty(0) == 1 {
      throw ValidationError("standard input is a terminal: name files or folders, or pipe manifests into it")
    }
  }

  func run() throws {
    let policy = try arguments.load().policy
    var status = PreviewStatus()
    let manifests = readManifests(paths.isEmpty ? ["-"] : paths, &status)
    var skipped = SkippedNamespaces()
    for manifest in manifests { skipped.add(manifest) }
    let files = run(Preview(policy: policy, namespace: namespace.name, skippedNamespaces: skipped), on: manifests)

    for file in files {
      reportProblemsAndWarnings(of: file)
      if explain { explain(file) }
      if !file.preview.problems.isEmpty { status.add(.badInput) }
      if check, file.preview.findings.contains(where: \.isRedirected) { status.add(.changes) }
      if write { writeBack(file, &status) }
    }
    try output.print(files)
    if let code = status.code { throw code }
  }

  private func run(_ preview: Preview, on manifests: [Manifest]) -> [PreviewedFile] {
    let progress = Progress(bytes: manifests.reduce(0) { $0 + $1.text.count })
    let previews = preview.preview(manifests) { progress.advance(bytes: $0) }
    progress.clear()
    return zip(manifests, previews).map { PreviewedFile(manifest: $0, preview: $1) }
  }

  private func reportProblemsAndWarnings(of file: PreviewedFile) {
    if file.preview.problems.isEmpty, file.preview.warnings.isEmpty { return }
    var lines = Lines(file.manifest)
    for warning in file.preview.warnings {
      writeMessage(lines.place(warning.offset).description + ": warning: " + warning.text)
    }
    for problem in file.preview.problems {
      writeMessage(lines.place(problem.offset).description + ": " + problem.problem)
    }
  }

  /// Writes a line for each image to standard error: place, object, and the columns of pisw-mutate's --explain.
  private func explain(_ file: PreviewedFile) {
    var lines = Lines(file.manifest)
    var text: [UInt8] = []
    for finding in file.preview.findings {
      let place = lines.place(finding.offset).description
      text.append([place, finding.objectName, finding.explanation].joined(separator: "\t") + "\n")
    }
    try? Descriptor.errors.write(text)
  }

  private func writeBack(_ file: PreviewedFile, _ status: inout PreviewStatus) {
    guard !file.preview.edits.isEmpty else { return }
    do throws(SystemError) {
      let new = file.manifest.applying(file.preview.edits)
      try replaceContents(of: file.manifest.name, from: file.manifest.text, to: new)
    } catch {
      let problem =
        switch error.code {
        case EBUSY: "not written, because it changed since it was read: run again"
        case EINVAL: "not a regular file"
        default: error.description
        }
      writeMessage(asciiEscaped(file.manifest.name) + ": " + problem)
      status.add(.operatingSystem)
    }
  }
}
