import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// What deliveries are compared with: the same client posts the same body over as many connections, and keeps and decides nothing.
///
///     bare-client SECONDS CONCURRENCY BODY URL...
@main
enum BareClient {
    static func main() async throws {
        let words = CommandLine.arguments.dropFirst()
        guard words.count >= 4, let seconds = words.first.flatMap({ Int64($0) }),
            let concurrency = words.dropFirst().first.flatMap({ Int($0) }),
            let body = words.dropFirst(2).first.flatMap({ FileManager.default.contents(atPath: $0) })
        else {
            FileHandle.standardError.write(Data("usage: bare-client SECONDS CONCURRENCY BODY URL...\n".utf8))
            exit(2)
        }
        let end = ContinuousClock.now.advanced(by: .seconds(seconds))
        let urls = words.dropFirst(3).flatMap { Array(repeating: $0, count: concurrency) }
        print(await posts(body, to: urls, until: end) / Int(max(1, seconds)))
    }

    nonisolated private static func posts(
        _ body: Data, to urls: [String], until end: ContinuousClock.Instant
    ) async -> Int {
        await withTaskGroup(of: Int.self) { group in
            for url in urls {
                group.addTask {
                    var count = 0
                    while ContinuousClock.now < end {
                        if await post(body, to: url) { count += 1 }
                    }
                    return count
                }
            }
            return await group.reduce(0, +)
        }
    }

    nonisolated private static func post(_ body: Data, to url: String) async -> Bool {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        request.body = .bytes(ByteBuffer(bytes: body))
        guard let answer = try? await HTTPClient.shared.execute(request, timeout: .seconds(15)) else { return false }
        _ = try? await answer.body.collect(upTo: 1 << 16)
        return (200..<300).contains(answer.status.code)
    }
}
