import Foundation
import Testing
import inlet

@Suite struct SettingsTests {
    @Test func `N1 a server that is told nothing of it flushes every commit to disk`() async throws {
        #expect(try await !Settings(flags: [:], environment: [:], file: nil).isUnsafe)
    }

    @Test func `A flag goes before a variable, a variable before the file, the file before the default`() async throws {
        try await withFile(#"{"body-bytes-max": 111, "calls-queued-max": 222, "log-level": "debug"}"#) { file in
            let settings = try await Settings(
                flags: [.bodyBytesMax: "333"],
                environment: ["INLET_BODY_BYTES_MAX": "444", "INLET_CALLS_QUEUED_MAX": "555", "HOME": "/"], file: file)

            #expect(settings.bodyBytesMax == 333)
            #expect(settings.callsQueuedMax == 555)
            #expect(settings.logLevel == .debug)
            #expect(settings.connectionsMax == 10_000)
        }
    }

    @Test func `An unknown variable refuses to start and is named`() async {
        let error = await #expect(throws: SettingsError.self) {
            try await Settings(flags: [:], environment: ["INLET_BODY_BYTE_MAX": "1"], file: nil)
        }
        #expect(error?.description.contains("INLET_BODY_BYTE_MAX") ?? false)
    }

    @Test func `An unknown key in the file refuses to start and is named`() async throws {
        try await withFile(#"{"body-byte-max": 1}"#) { file in
            let error = await #expect(throws: SettingsError.self) {
                try await Settings(flags: [:], environment: [:], file: file)
            }
            #expect(error?.description.contains("body-byte-max") ?? false)
        }
    }

    @Test(arguments: [
        (Setting.bodyBytesMax, "many"), (.bodyBytesMax, "0"), (.bodyBytesMax, "-1"), (.bodyBytesMax, "9999999999999999999999"),
        (.ingest, "8080"), (.ingest, "127.0.0.1:99999"), (.ingest, "::1:80"), (.ingest, ":80"), (.logLevel, "loud"),
        (.ingestURL, "hooks.example.com"), (.ingestURL, "https://x/?a=b"), (.ingestThreads, "0"), (.data, ""),
        (.bytesInFlightMax, "1048576"),
    ])
    func `A bad value refuses to start and is named`(setting: Setting, value: String) async {
        let error = await #expect(throws: SettingsError.self) {
            try await Settings(flags: [setting: value], environment: [:], file: nil)
        }
        #expect(error?.description.contains(setting.rawValue) ?? false)
    }

    @Test(arguments: ["[]", "{", #"{"body-bytes-max": "many"}"#, #"{"log-level": 7}"#])
    func `A bad file refuses to start`(content: String) async throws {
        try await withFile(content) { file in
            await #expect(throws: SettingsError.self) {
                try await Settings(flags: [:], environment: [:], file: file)
            }
        }
    }

    @Test func `Addresses are read as people write them`() {
        #expect(SocketAddressText("[::1]:8080")?.host == "::1")
        #expect(SocketAddressText("[::1]:8080")?.url == "http://[::1]:8080")
        #expect(SocketAddressText("0.0.0.0:80")?.url == "http://127.0.0.1:80")
        #expect(SocketAddressText("localhost:0")?.port == 0)
        #expect(SocketAddressText("localhost") == nil)
    }

    private func withFile(_ content: String, _ body: (URL) async throws -> Void) async throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("inlet-\(UUID().uuidString).json")
        try Data(content.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        try await body(file)
    }
}
