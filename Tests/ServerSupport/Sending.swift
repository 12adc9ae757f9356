import Client
import Contract
import Domain
import Foundation
import TestSupport
import Testing
import inlet

/// What tests of flows, destinations and deliveries need beside the house.
extension TestHouse {
    /// With it a house reaches receivers on this machine.
    package static let near: [Setting: String] = [.egressAllow: "127.0.0.0/8"]

    /// Nothing became of what was waited for.
    package struct Overdue: Error, CustomStringConvertible {
        package let description: String
    }

    /// Makes a destination of the kind `http` that is a receiver.
    @discardableResult
    package func destination(
        _ name: String = "far", at receiver: Receiver, settings: [String: String] = [:], schedule: String? = nil,
        concurrency: Int? = nil, ratePerSecond: Int? = nil, orderedBy: String? = nil
    ) async throws -> DestinationView {
        try await client().createDestination(
            NewDestination(
                name: name, kind: "http",
                settings: settings.merging(["url": "\(receiver.base)/hook/\(name)"]) { first, _ in first },
                schedule: schedule, concurrency: concurrency, ratePerSecond: ratePerSecond, orderedBy: orderedBy))
    }

    /// Makes a flow of the first webhook.
    @discardableResult
    package func flow(
        _ name: String = "flow", to destinations: [String] = ["far"], filter: JSONValue? = nil, template: JSONValue? = nil
    ) async throws -> FlowView {
        try await client().createFlow(
            NewFlow(name: name, webhook: made.webhook.text, filter: filter, template: template, destinations: destinations))
    }

    /// Posts an event to the first webhook.
    @discardableResult
    package func event(_ body: String = "{}", headers: [(String, String)] = []) async throws -> String {
        try #require(try await call(bearer: made.apiToken, headers: headers, body: Data(body.utf8)).event)
    }

    /// Asks until there is an answer.
    package func poll<Answer>(_ what: String, _ look: () async throws -> Answer?) async throws -> Answer {
        let end = ContinuousClock.now + .seconds(20)
        repeat {
            if let found = try await look() { return found }
            try await Task.sleep(for: .milliseconds(5))
        } while ContinuousClock.now < end
        throw Overdue(description: "in vain: \(what)")
    }

    /// Waits until it is so.
    package func until(_ what: String, _ isSo: () async throws -> Bool) async throws {
        _ = try await poll(what) { try await isSo() ? true : nil }
    }

    /// The one delivery of an event, as soon as it stands so.
    @discardableResult
    package func delivery(
        of event: String, _ state: String, attempts: Int? = nil, to destination: String? = nil
    ) async throws -> DeliveryView {
        var last: [DeliveryView] = []
        do {
            let found = try await poll("") {
                last = try await client().deliveries(event: event, destination: destination).items
                return last.first { $0.state == state && (attempts ?? $0.attempts) == $0.attempts }
            }
            return try await client().delivery(found.id)
        } catch is Overdue {
            throw Overdue(description: "no delivery \(state) with \(attempts.map(String.init) ?? "any") attempts, but \(last)")
        }
    }

    /// The one delivery of an event as it stands now.
    package func deliveryNow(of event: String, to destination: String? = nil) async throws -> DeliveryView {
        let found = try await client().deliveries(event: event, destination: destination).items
        #expect(found.count == 1)
        return try await client().delivery(try #require(found.first).id)
    }

    /// Has the dispatcher look at everything that is due by now, and returns when it has.
    package func round() async throws {
        house.desk.bell.ring()
        let name = "marker"
        let known = try await client().webhooks().items.first { $0.name == name }
        let webhook: WebhookView
        if let known {
            webhook = known
        } else {
            webhook = try await client().createWebhook(NewWebhook(name: name))
            let destination = try await client().createDestination(
                NewDestination(name: name, kind: "log", settings: ["file": "marker.jsonl"]))
            _ = try await client().createFlow(
                NewFlow(name: name, webhook: webhook.id, destinations: [destination.id]))
        }
        // A look that finds it finds all that was due when it came.
        let event = try #require(try await call(webhook.id, bearer: made.apiToken).event)
        try await delivery(of: event, "delivered")
    }

    /// Moves the clock, and has the dispatcher look.
    package func pass(_ interval: Interval) async throws {
        clock.advance(by: interval)
        try await round()
    }

    /// How long from now until a moment that an answer names.
    package func wait(until text: String?) throws -> Interval {
        try #require(text.flatMap { Timestamp(rfc3339: $0) }).since(clock.now())
    }
}

extension JSONValue {
    /// The JSON of a literal in a test.
    package init(json: String) throws {
        self = try JSONDecoder().decode(JSONValue.self, from: Data(json.utf8))
    }
}
