// Explanations of decisions, and the proof that rewriting twice changes nothing.

import Configuration
import ConfigurationLint
import Policy
import Testing

private func policy(_ yaml: String) throws -> SwapPolicy {
  var configuration = Configuration()
  configuration.add(file: "c", Array(yaml.utf8))
  return try configuration.policy()
}

private let yaml = """
  mirrors: {docker.io: p.io, docker.io/library: p.io/o, '*': 'p.io/{registry}'}
  ignoreimages: ['*:dev', acme/web]
  """

@Suite("Explanations")
struct ExplanationTests {
  @Test("It lists every rule that was evaluated, in order, and marks the one that decides")
  func whole() throws {
    #expect(
      explanation(of: "nginx", under: try policy(yaml)) == """
        nginx
          is           docker.io/library/nginx:latest
          is it already under a target?
            no   p.io  (mirror docker.io at c:1:11)
            no   p.io/o  (mirror docker.io/library at c:1:28)
            no   p.io/{registry}  (mirror * at c:1:55)
          is it ignored?
            no   ignoreimages *:dev at c:2:16
            no   ignoreimages acme/web at c:2:25
          which mirror has the longest matching source?
            yes  mirror docker.io/library at c:1:28  <- decides
            yes  mirror docker.io at c:1:11
            yes  mirror * at c:1:55
          decision     redirected, mirror docker.io/library at c:1:28
          result       p.io/o/nginx:latest

        """)
  }

  @Test("It lists no rule after the one that decides")
  func early() throws {
    let policy = try policy(yaml)
    #expect(
      explanation(of: "p.io/x", under: policy).hasSuffix(
        """
          is it already under a target?
            yes  p.io  (mirror docker.io at c:1:11)  <- decides
          decision     left alone: already under a target, mirror docker.io at c:1:11
          result       p.io/x

        """))
    #expect(
      explanation(of: "acme/api:dev", under: policy).hasSuffix(
        """
          is it ignored?
            yes  ignoreimages *:dev at c:2:16  <- decides
          decision     left alone: ignored, ignoreimages *:dev at c:2:16
          result       acme/api:dev

        """))
  }

  @Test(
    "For some names no rule is evaluated",
    arguments: [
      "auto", "", "Nginx:", "a_b.com/x", "x\u{1B}[2J", "sha256:" + String(repeating: "a", count: 64),
    ])
  func noRule(_ name: String) throws {
    let text = explanation(of: name, under: try policy(yaml))
    #expect(!text.contains("yes") && !text.contains("no   ") && text.contains("  decision     left alone: "))
    #expect(text.utf8.allSatisfy { $0 < 0x7F && ($0 >= 0x20 || $0 == 0x0A) })
  }

  @Test(
    "The proof for a mirror is a sample under its source, whose result is under its target and stays",
    arguments: [
      "{docker.io: p.io}", "{'*': '{registry}.p.io:5000/a'}", "{docker.io: docker.io/mirror}", "{a.io/b: P.io:443}",
      "{'reg:443': p.io}",
    ])
  func proof(_ map: String) throws {
    let policy = try policy("mirrors: " + map)
    for mirror in policy.mirrors {
      guard case .proved(let sample, let result) = mirror.proof else {
        Issue.record("\(mirror.proof)")
        continue
      }
      #expect(policy.decide(sample) == .redirected(image: result, by: mirror))
      #expect(policy.isAlreadyRedirected(result) && !policy.isAlreadyRedirected(sample))
    }
  }
}
