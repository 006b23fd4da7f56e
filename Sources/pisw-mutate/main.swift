// pisw-mutate: reads one AdmissionReview and writes its answer. Chooses how: raw, over HTTP, or as a CGI program.

import Configuration
import Glibc
import OneShot
import System

func run() -> ExitStatus {
  ignoreBrokenPipes()
  var options = Options()
  // A client chooses the arguments of a CGI program through the URL (RFC 3875 section 4.4), so they are ignored.
  if !isCGI {
    switch Options.parse() {
    case .run(let parsed): options = parsed
    case .exit(let status): return status
    }
  }
  if !options.isHTTP, !isCGI, options.file == nil, isatty(0) == 1 {
    Messages.standard.write(["standard input is a terminal: expected a review from a pipe or a file", synopsis])
    return .usage
  }

  let explains = options.explains || environment("LOGLEVEL") == "DEBUG"
  if isCGI {
    return serveCGI(policy: LoadedPolicy(options.configuration), limit: options.maxBytes, explains: explains)
  }
  if options.isHTTP {
    return serveInetd(policy: LoadedPolicy(options.configuration), limit: options.maxBytes, explains: explains)
  }
  do throws(ConfigurationFailure) {
    let policy = try loadConfiguration(options.configuration).policy
    return answerRaw(file: options.file, limit: options.maxBytes, policy: policy, explains: explains)
  } catch {
    Messages.standard.write(error.problems)
    return .configuration
  }
}

exit(run().rawValue)
