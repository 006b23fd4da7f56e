// The answer to one request, however it came in: HTTP and CGI share it.

import Admission
import ConfigurationSources
import Endpoints
import HTTP1
import JSON
import SwapPolicy

/// What came of reading the configuration, for those who answer requests even without one.
public enum LoadedPolicy: Sendable {
  case ready(SwapPolicy)
  case failed(ConfigurationFailure)

  public init(_ options: ConfigurationOptions) {
    do throws(ConfigurationFailure) {
      self = .ready(try loadConfiguration(options).policy)
    } catch {
      self = .failed(error)
    }
  }
}

/// The routes over one configuration.
struct Service {
  let policy: LoadedPolicy
  let explains: Bool
  let messages: Messages

  /// The status of a run that got its answer out.
  var status: ExitStatus {
    if case .failed = policy { .configuration } else { .done }
  }

  /// Ends a run that nobody asked anything; a wrong configuration is told even so.
  func end() -> ExitStatus {
    if case .failed(let failure) = policy { messages.write(failure.problems) }
    return status
  }

  /// Answers a request. What is not 200 is told on standard error too.
  func respond(to request: Result<Request, RequestError>) -> Response {
    switch policy {
    case .failed(let failure):
      messages.write(failure.problems)
      return Response(
        RequestError(.internalServerError, "the configuration is not valid: " + failure.place))
    case .ready(let policy):
      do throws(RequestError) {
        return try route(try request.get(), policy)
      } catch {
        messages.write([String(error.status.rawValue) + " " + error.reason])
        return Response(error)
      }
    }
  }

  private func route(_ request: Request, _ policy: SwapPolicy) throws(RequestError) -> Response {
    switch try webhookEndpoint(of: request) {
    case .mutate: try mutate(request.body, policy)
    case .health, .readiness, .metrics: .well
    }
  }

  private func mutate(_ body: [UInt8], _ policy: SwapPolicy) throws(RequestError) -> Response {
    do throws(JSONError) {
      let answer = try answer(body, under: policy, explains: explains, messages)
      if let fault = answer.podFault { messages.write([fault.message(name: "body", in: body) + "; left alone"]) }
      return Response(.ok, contentType: "application/json", body: answer.body)
    } catch {
      throw RequestError(.badRequest, error.message(name: "body", in: body))
    }
  }
}
