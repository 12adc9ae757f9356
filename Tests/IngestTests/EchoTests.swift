import Client
import Contract
import Foundation
import ServerSupport
import TestSupport
import Testing

@Suite(.tags(.store)) struct EchoTests {
    @Test func `D12 a webhook that echoes answers with the body, and any other with the id alone`() async throws {
        try await TestHouse.open { house async throws in
            let webhook = try await house.client().createWebhook(NewWebhook(name: "echo", echoBody: true))
            func answer(_ body: Data, _ type: String?, to webhook: String? = nil) async throws -> String {
                let headers = type.map { [("Content-Type", $0)] } ?? []
                let answer = try await house.call(webhook, bearer: house.made.apiToken, headers: headers, body: body)
                #expect(answer.status == 202)
                let text = answer.text
                // The id differs each time.
                return String(text.dropFirst(25))
            }
            let json = Data("{\"a\": [1.0, \"é\"]}".utf8)

            #expect(try await answer(json, "application/json", to: webhook.id) == #","body":{"a": [1.0, "é"]}}"#)
            let type = "Application/CloudEvents+JSON; charset=utf-8"
            #expect(try await answer(json, type, to: webhook.id) == #","body":{"a": [1.0, "é"]}}"#)
            #expect(try await answer(json, "text/plain", to: webhook.id) == #","body":"{\"a\": [1.0, \"é\"]}"}"#)
            #expect(try await answer(Data("{".utf8), "application/json", to: webhook.id) == #","body":"{"}"#)
            #expect(try await answer(Data(), "application/json", to: webhook.id) == #","body":""}"#)
            #expect(try await answer(Data([0xFF, 0x00]), nil, to: webhook.id) == #","body_base64":"/wA="}"#)
            #expect(try await answer(Data([0x61, 0x00]), nil, to: webhook.id) == #","body":"a\u0000"}"#)
            #expect(try await answer(Data(count: 65_537), nil, to: webhook.id) == #","body_truncated":true}"#)
            #expect(try await answer(json, "application/json") == "}")
        }
    }

    @Test func `D12 echoing begins and ends with an edit, and a repeated call gets the id alone`() async throws {
        try await TestHouse.open { house async throws in
            let key = [("Idempotency-Key", "k")]
            _ = try await house.client().editWebhook("example", WebhookEdit(echoBody: true))
            let first = try await house.call(bearer: house.made.apiToken, headers: key, body: Data("x".utf8))
            let again = try await house.call(bearer: house.made.apiToken, headers: key, body: Data("x".utf8))
            let edited = try await house.client().editWebhook("example", WebhookEdit(echoBody: false))
            let plain = try await house.call(bearer: house.made.apiToken, body: Data("x".utf8))

            #expect(first.text.hasSuffix(#","body":"x"}"#))
            #expect(again.status == 200 && !again.text.contains("body"))
            #expect(!edited.echoBody && !plain.text.contains("body"))
        }
    }
}
