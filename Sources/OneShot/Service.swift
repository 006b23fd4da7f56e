// Answers one request. One-shot HTTP and CGI share it.

import Admission
import Configuration
import HTTP1
import JSON
import Policy
import System
import Webhook

/// A configuration, or why it could not be loaded. Requests are answered in both cases.
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

/// Routes requests, under one configuration.
struct Service {
  let policy: LoadedPolicy
  let explains: Bool
  let messages: Messages

  /// The exit status once the response is written.
  var status: ExitStatus {
    if case .failed = policy { .configuration } else { .done }
  }

  /// Ends a run without a request. A configuration that is not valid is still reported.
  func finishWithoutRequest() -> ExitStatus {
    if case .failed(let failure) = policy { messages.write(failure.problems) }
    return status
  }

  /// Answers a request. Also reports every status other than 200 on standard error.
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
    switch try WebhookRoute(request) {
    case .review: try mutate(request.body, policy)
    case .probe: .probeSucceeded
    }
  }

  private func mutate(_ body: [UInt8], _ policy: SwapPolicy) throws(RequestError) -> Response {
    do throws(JSONError) {
      let answer = try answer(body, under: policy, explains: explains, messages)
      if let fault = answer.podFault {
        messages.write([fault.message(name: "body", in: body) + "; the pod is left alone"])
      }
      return Response(.ok, contentType: "application/json", body: answer.body)
    } catch {
      throw RequestError(.badRequest, error.message(name: "body", in: body))
    }
  }
}
