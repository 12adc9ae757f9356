import ArgumentParser
import Client
import Contract
import Foundation

/// `inlet delivery …`
struct DeliveryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delivery", abstract: "Deliveries: events on their way to destinations.",
        subcommands: [List.self, Show.self, Retry.self, Cancel.self, Settle.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List deliveries, newest first.")
        @Option(help: "Only of this event: its id, evt_….") var event: String?
        @Option(help: "Only by this flow: id or name.") var flow: String?
        @Option(help: "Only to this destination: id or name.") var destination: String?
        @Option(help: "Only in this state: waiting, due, running, delivered, dead, filtered or cancelled.")
        var state: String?
        @OptionGroup var options: ServerOptions
        @OptionGroup var page: PageOptions

        func run() async throws {
            try await Failures.shown {
                let page = try await options.client().deliveries(
                    event: event, flow: flow, destination: destination, state: state, after: page.after,
                    limit: page.limit)
                if options.json { return try Output.json(page) }
                try DeliveryCommand.table(page.items)
                try self.page.more(page.next)
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a delivery and each of its attempts.")
        @Argument(help: "Its id.") var delivery: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                try DeliveryCommand.show(try await options.client().delivery(delivery), options)
            }
        }
    }

    struct Retry: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Send a delivery that is over again, as a new one marked as a replay.")
        @Argument(help: "Its id.") var delivery: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                try DeliveryCommand.show(try await options.client().retryDelivery(delivery), options)
            }
        }
    }

    struct Cancel: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Do not send a delivery that waits or is due.")
        @Argument(help: "Its id.") var delivery: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                try DeliveryCommand.show(try await options.client().cancelDelivery(delivery), options)
            }
        }
    }

    struct Settle: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say what became of a delivery that you claimed.")
        @Argument(help: "Its id.") var delivery: String
        @Argument(help: "The number of the attempt, as the claim says.") var attempt: Int
        @Option(help: ArgumentHelp("What was answered, 100 to 599.", valueName: "number")) var status: Int?
        @Option(help: ArgumentHelp("Why there was no answer.", valueName: "text")) var error: String?
        @Option(help: ArgumentHelp("The beginning of the answer.", valueName: "text")) var answer: String?
        @Option(help: ArgumentHelp("How long it took.", valueName: "count")) var milliseconds: Int64?
        @OptionGroup var options: ServerOptions

        func validate() throws {
            guard (status == nil) != (error == nil) else {
                throw ValidationError("Give either --status or --error.")
            }
        }

        func run() async throws {
            try await Failures.shown {
                let result = SettleClaim(status: status, error: error, answer: answer, milliseconds: milliseconds)
                try DeliveryCommand.show(
                    try await options.client().settleClaim(delivery, attempt: attempt, result), options)
            }
        }
    }

    /// Deliveries, one a line.
    static func table(_ deliveries: [DeliveryView]) throws {
        try Output.table(
            ["ID", "CREATED", "STATE", "REASON", "ATTEMPTS", "DUE", "EVENT", "FLOW", "DESTINATION", "REPLAY"],
            deliveries.map {
                [
                    $0.id, $0.createdAt, $0.state, $0.reason ?? "-", "\($0.attempts)", $0.dueAt ?? "-", $0.event, $0.flow,
                    $0.destination, $0.isReplay ? $0.replay ?? "yes" : "-",
                ]
            })
    }

    private static func show(_ delivery: DeliveryView, _ options: ServerOptions) throws {
        if options.json { return try Output.json(delivery) }
        try Output.fields([
            ("id", delivery.id), ("event", delivery.event), ("webhook", delivery.webhook), ("flow", delivery.flow),
            ("destination", delivery.destination), ("state", delivery.state), ("reason", delivery.reason),
            ("created", delivery.createdAt), ("due", delivery.dueAt), ("settled", delivery.settledAt),
            ("attempts", "\(delivery.attempts)"),
            ("replay", delivery.isReplay ? delivery.replay ?? "yes" : nil), ("order key", delivery.orderKey),
        ])
        for attempt in delivery.attemptList ?? [] { try attempt.show() }
    }
}

extension AttemptView {
    /// What happened, and what was answered.
    fileprivate func show() throws {
        let facts = [
            "attempt \(number)", startedAt, outcome, status.map { "\($0)" }, milliseconds.map { "\($0) ms" }, error,
        ]
        try Output.text("\n" + Output.printable(facts.compactMap(\.self).joined(separator: "  ")))
        if let answer, !answer.isEmpty {
            try Output.lines(answer)
        } else if let bytes = answerBase64.flatMap({ Data(base64Encoded: $0) }), !bytes.isEmpty {
            try Output.text("\(bytes.count) bytes that are no text; --json shows them in Base64")
        }
    }
}
