// faulty-serve CERTIFICATE KEY ISOLATION REVIEWS SANDBOX SAMPLE: the accept loop of pisw-serve with a review function that
// does what the request says. The body is a JSON string: `MISDEED`, or `MISDEED@PID` for a misdeed with a victim. A body that
// names no misdeed is echoed. The server rehearses with the body SAMPLE.

import Glibc
import HTTP1
import Misdeeds
import Server
import TLS

/// Recurses until there is no stack; the result needs every level.
@inline(never) private func depth(_ level: Int, _ keep: [Int]) -> Int {
  level == .max ? 0 : keep[0] &+ depth(level + 1, [level]) &+ keep.count
}

/// A frame as the process of a review sends it: see ReviewProcess.swift. Every part can be wrong.
private struct Frame {
  var status: UInt16 = 200
  var result: UInt8 = 1
  var level: UInt8 = 0
  var fieldsLength: UInt32?
  var bodyLength: UInt64?
  var record: [UInt8] = [1] + [UInt8](repeating: 0, count: 127)
  var fields: [UInt8] = []
  var body = Array(#"{"made":"by hand"}"#.utf8)
  var rest: [UInt8] = []

  var bytes: [UInt8] {
    var frame = little(UInt64(status), 2) + [result, level]
    frame += little(UInt64(fieldsLength ?? UInt32(fields.count)), 4)
    frame += little(bodyLength ?? UInt64(body.count), 8)
    return frame + record + fields + body + rest
  }

  private func little(_ number: UInt64, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: number >> (8 * UInt64($0))) }
  }
}

/// Frames by what is wrong with them.
private func frame(_ name: String) -> [UInt8]? {
  var frame = Frame()
  switch name {
  case "frame": break
  case "frame: unknown decision":
    frame.record[2] = 1
    frame.record.replaceSubrange(16..<21, with: [250, 9, 9, 1, 0])
  case "frame: status 0": frame.status = 0
  case "frame: status 999": frame.status = 999
  case "frame: result 200": frame.result = 200
  case "frame: level 200": frame.level = 200
  case "frame: huge fields": frame.fieldsLength = .max
  case "frame: huge body": frame.bodyLength = 1 << 62
  case "frame: hugest body": frame.bodyLength = .max
  case "frame: body too long": frame.bodyLength = 19
  case "frame: body too short": frame.bodyLength = 17
  case "frame: more than the answer": frame.rest = Array("{\"more\":1}".utf8)
  case "frame: another report": frame.record[0] = 2
  case "frame: 255 images": frame.record[2] = 255
  case "frame: a line for the log": frame.fields = Array("\"}\n{\"message\":\"forged".utf8)
  case "frame: half": return Array(frame.bytes.prefix(100))
  case "frame: two": return frame.bytes + frame.bytes
  case "frame: none": return Array("Segmentation fault\n".utf8)
  default: return nil
  }
  return frame.bytes
}

private func write(_ descriptor: Int32, _ bytes: [UInt8]) {
  unsafe bytes.withUnsafeBytes { unsafe write_out(descriptor, $0.baseAddress, $0.count) }
}

/// Does what is asked for; returns if that was no misdeed, or it was let do it.
private func act(_ name: String, _ victim: Int32, _ body: [UInt8]) {
  let isZero = Int(victim & 0)
  switch name {
  case "fatalError": fatalError("as asked")
  case "index": _ = body[body.count + isZero]
  case "overflow": exit(Int32(truncatingIfNeeded: Int.max - isZero + body.count))
  case "unwrap": exit(Int32([Int]().dropFirst(isZero).first!))
  case "recurse": exit(Int32(truncatingIfNeeded: depth(isZero, [1])))
  case "mutter": write(2, Array("muttered by an earlier review\n".utf8))
  case "complain and leave":
    write(2, Array("the first line\nthe second\n".utf8))
    leave(0)
  case "answer and crash":
    write(1, Frame().bytes)
    _ = unsafe misdeed("null", 0)
  case "answer and loop":
    write(1, Frame().bytes)
    _ = unsafe misdeed("loop", 0)
  case "half and loop":
    write(1, Array(Frame().bytes.prefix(100)))
    _ = unsafe misdeed("loop", 0)
  default:
    if let bytes = frame(name) {
      write(1, bytes)
      leave(0)
    }
    _ = unsafe misdeed(name, victim)
  }
}

private func handler(_ log: Log, _ sample: String) -> ReviewHandler {
  let labels = ImageLabels(decisions: ["redirected"], upstreams: ["docker.io"])
  return ReviewHandler(labels: labels, sample: Array(("\"" + sample + "\"").utf8)) { body in
    let words = String(decoding: body.dropFirst().dropLast(), as: UTF8.self).split(separator: "@" as Character)
    let name = words.first.map(String.init) ?? ""
    var answer = Array(#"{"echo":"#.utf8) + body + Array("}".utf8)
    if name == "descriptors" {
      let open = (0..<1024).filter { is_open($0) != 0 }
      answer = Array("{\"open\":[\(open.map(String.init).joined(separator: ","))]}".utf8)
    } else {
      act(name, words.count > 1 ? Int32(words[1]) ?? 0 : 0, body)
    }
    return ReviewOutcome(
      status: .ok, body: answer, result: .unchanged, images: [], level: .info, fields: log.fields)
  }
}

private func main() -> Int32 {
  let arguments = CommandLine.arguments
  guard arguments.count == 7, let isolation = Isolation(rawValue: arguments[3]), let reviews = Int(arguments[4]),
    let sandbox = Sandbox(rawValue: arguments[5]), let loopback = Address("127.0.0.1:0")
  else { return 64 }
  let sample = arguments[6]
  let log = Log(format: .json, isDebug: false)
  var settings = ServerSettings()
  settings.version = "faulty"
  settings.listen = [loopback]
  settings.admin = loopback
  settings.isolation = isolation
  settings.maxReviews = reviews
  settings.sandbox = sandbox
  settings.drainDelay = 0
  settings.log = log
  let files = TLSFiles(certificate: arguments[1], key: arguments[2], clientCA: nil)
  do throws(StartError) {
    try serve(
      settings, ServerSources(tls: files, configuration: nil) { () throws(LoadFailure) in handler(log, sample) })
    return 0
  } catch {
    return 71
  }
}

exit(main())
