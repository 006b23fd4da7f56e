// Fuzzes KRM functions. A refusal names a place. Otherwise the output is a ResourceList that differs from the input
// only in images and results, and that a second run does not change.

import ConfigurationSources
import FuzzSupport
import Manifests
import SwapPolicy

@_cdecl("LLVMFuzzerTestOneInput")
public func test(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let manifest = Manifest(name: "list", text: bytes(data, count))
  do throws(ManifestProblem) {
    let list = try ResourceList(manifest)
    if let configuration = list.configuration { check(configuration) }
    check(list)
  } catch {
    require((0...count).contains(error.offset), "offset \(error.offset) lies in the text")
    require(isPrintable(error.problem), "a problem can be shown: \(error.problem)")
  }
  return 0
}

private let policy = {
  var configuration = Configuration()
  configuration.add(mirrorOptions: ["docker.io=p.io", "*=p.io/{registry}"])
  do throws(ConfigurationErrors) { return try configuration.policy() } catch { fatalError("broken: \(error)") }
}()

private func check(_ list: ResourceList) {
  let preview = Preview(policy: policy, namespace: "default")
  let before = preview.preview(list.manifest)
  guard before.problems.isEmpty else { return }
  let output = list.output(before)
  let after = preview.preview(Manifest(name: "output", text: output))
  require(after.problems.isEmpty, "the output can be read: \(after.problems)")
  require(after.edits.isEmpty, "nothing is redirected twice")
  require(after.findings.count == before.findings.count, "every image is still there")
  for (old, new) in zip(before.findings, after.findings) {
    require(new.outcome.image == old.becomes ?? old.outcome.image, "an image is what its finding says")
  }
  if before.edits.isEmpty { require(output.suffix(10) == list.manifest.text.suffix(10), "the end stays") }
}

private func check(_ configuration: FunctionConfiguration) {
  do throws(ConfigurationFailure) {
    _ = try loadConfiguration(
      text: configuration.text, named: configuration.name, origin: configuration.origin, mirrors: [])
  } catch {
    require(error.problems.allSatisfy(isPrintable), "every problem can be shown")
  }
}
