import ArgumentParser
import Client
import Contract
import Foundation

/// `inlet destination …`
struct DestinationCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "destination", abstract: "Destinations, where flows send events.",
        subcommands: [
            Kinds.self, List.self, Show.self, Create.self, Edit.self, Disable.self, Enable.self, Rotate.self, Reveal.self,
            Delete.self, Claim.self,
        ])

    struct Kinds: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the kinds of destinations, and what each must know.")
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let kinds = try await options.client().destinationKinds()
                if options.json { return try Output.json(kinds) }
                for (index, kind) in kinds.items.enumerated() {
                    if index > 0 { try Output.text("") }
                    try Output.text(Output.printable(kind.heading))
                    guard !kind.fields.isEmpty else { continue }
                    try Output.table(
                        ["  FIELD", "TYPE", "DEFAULT", "MEANING"],
                        kind.fields.map { ["  " + $0.name, $0.typeText, $0.defaultText, $0.meaning] })
                }
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List destinations and how they are.")
        @OptionGroup var options: ServerOptions
        @OptionGroup var page: PageOptions

        func run() async throws {
            try await Failures.shown {
                let page = try await options.client().destinations(after: page.after, limit: page.limit)
                if options.json { return try Output.json(page) }
                try Output.table(
                    ["ID", "NAME", "KIND", "STATE", "WAITING", "DUE", "FAILING SINCE"],
                    page.items.map {
                        [$0.id, $0.name, $0.kind, $0.state, "\($0.waiting)", "\($0.due)", $0.failingSince ?? "-"]
                    })
                try self.page.more(page.next)
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a destination; never its secret.")
        @Argument(help: "Its id or name.") var destination: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                try DestinationCommand.show(try await options.client().destination(destination), options)
            }
        }
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a destination, and show the secret of one that signs, this once.",
            discussion: "`inlet destination kinds` lists the kinds and their fields.")
        @Argument(help: "Its name, 1 to 100 characters.") var name: String
        @Option(help: "What it is, http for example.") var kind: String
        @Option(help: Help.set) var set: [FieldPair] = []
        @Option(help: Help.schedule) var schedule: String?
        @Option(help: Help.concurrency) var concurrency: Int?
        @Option(help: Help.rate) var rate: Int?
        @Option(help: Help.orderedBy) var orderedBy: String?
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let asked = NewDestination(
                    name: name, kind: kind, settings: set.isEmpty ? nil : FieldPair.settings(set), schedule: schedule,
                    concurrency: concurrency, ratePerSecond: rate, orderedBy: orderedBy)
                try DestinationCommand.show(try await options.client().createDestination(asked), options)
            }
        }
    }

    struct Edit: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Change a destination; fields that are not named stay.")
        @Argument(help: "Its id or name.") var destination: String
        @Option(help: "The new name.") var name: String?
        @Option(help: Help.set) var set: [FieldPair] = []
        @Option(help: ArgumentHelp("Takes a field away; can be given again.", valueName: "name")) var unset: [String] = []
        @Option(help: Help.schedule) var schedule: String?
        @Flag(help: "Bring back the usual schedule.") var standardSchedule = false
        @Option(help: Help.concurrency) var concurrency: Int?
        @Option(help: "Attempts a second at most, 1 to 10000; `none` lifts it.") var rate: LimitWord?
        @Option(help: Help.orderedBy) var orderedBy: String?
        @Flag(help: "Let deliveries go in any order.") var noOrder = false
        @OptionGroup var options: ServerOptions

        func validate() throws {
            guard !(standardSchedule && schedule != nil), !(noOrder && orderedBy != nil) else {
                throw ValidationError("What is given cannot be taken away at once.")
            }
        }

        func run() async throws {
            try await Failures.shown {
                let client = try options.client()
                let edit = DestinationEdit(
                    name: name, settings: try await settings(client),
                    schedule: Change(schedule, isLifted: standardSchedule), concurrency: concurrency,
                    ratePerSecond: Change(rate), orderedBy: Change(orderedBy, isLifted: noOrder))
                try DestinationCommand.show(try await client.editDestination(destination, edit), options)
            }
        }

        // The server takes settings whole.
        private func settings(_ client: InletClient) async throws -> [String: String]? {
            guard !set.isEmpty || !unset.isEmpty else { return nil }
            var settings = try await client.destination(destination).settings
            for name in unset { settings[name] = nil }
            return settings.merging(FieldPair.settings(set)) { $1 }
        }
    }

    struct Disable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let its deliveries wait until it is enabled.")
        @Argument(help: "Its id or name.") var destination: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                try DestinationCommand.show(try await options.client().disableDestination(destination), options)
            }
        }
    }

    struct Enable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Send to it again, whatever had switched it off.")
        @Argument(help: "Its id or name.") var destination: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                try DestinationCommand.show(try await options.client().enableDestination(destination), options)
            }
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a new signing secret and show it; the old one signs beside it for a while.")
        @Argument(help: "Its id or name.") var destination: String
        @Option(help: ArgumentHelp("How long both sign: 0, 1h, 24h; at most 7d (default: 24h).", valueName: "time"))
        var overlap: TimeSpan?
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let rotation = RotateSigningSecret(overlapSeconds: overlap?.seconds)
                try DestinationCommand.show(
                    try await options.client().rotateDestination(destination, rotation), options)
            }
        }
    }

    struct Reveal: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Look at the newest signing secret; each look is in the audit log.",
            discussion: RevealedView.discussion)
        @Argument(help: "Its id or name.") var destination: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let revealed = try await options.client().revealDestination(destination)
                if options.json { return try Output.json(revealed) }
                try Output.fields([("secret", revealed.secret)])
            }
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Delete a destination that no flow sends to.")
        @Argument(help: "Its id or name.") var destination: String
        @OptionGroup var consent: Consent
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let client = try options.client()
                try await consent.ask("delete destination \(destination) for good") {
                    let found = try await client.destination(destination)
                    return Output.printable(
                        "\(found.id) (\(found.name)), \(found.kind): \(found.waiting) deliveries wait, \(found.due) are due.")
                }
                try await client.deleteDestination(destination)
                if options.json { return try Output.json(["deleted": destination]) }
                try Output.text("Deleted \(Output.printable(destination)).")
            }
        }
    }

    struct Claim: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take deliveries that are due from a destination of the kind listen, to send them yourself.",
            discussion: """
                Say what became of each by `inlet delivery settle`, before its lease is over. `inlet listen` does all that for a \
                program on this machine.
                """)
        @Argument(help: "Its id or name.") var destination: String
        @Option(help: ArgumentHelp("How many, 1 to 100 (default: 10).", valueName: "count")) var limit: Int?
        @Option(help: ArgumentHelp("How long they are kept for you, 5s to 300s (default: 60s).", valueName: "time"))
        var lease: TimeSpan?
        @Option(help: ArgumentHelp("How long to wait for the first, 0 to 25s (default: 0).", valueName: "time"))
        var wait: TimeSpan?
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let request = ClaimRequest(
                    limit: limit, leaseSeconds: lease.map { Int(clamping: $0.seconds) },
                    waitSeconds: wait.map { Int(clamping: $0.seconds) })
                let claims = try await options.client().claimDeliveries(of: destination, request)
                if options.json { return try Output.json(PageView(items: claims, next: nil)) }
                try Output.table(
                    ["DELIVERY", "ATTEMPT", "EVENT", "WEBHOOK", "LEASE UNTIL"],
                    claims.map { [$0.delivery, "\($0.attempt)", $0.event, $0.webhook, $0.leaseUntil] })
            }
        }
    }

    /// What options say of themselves.
    private enum Help {
        static let set = ArgumentHelp(
            "A field of its kind, url=https://example.com/in for example; can be given again. {{NAME}} stands for a secret.",
            valueName: "name=value")
        static let schedule = ArgumentHelp(
            "When it is tried: 0,5s,5m,30m for example (default: ten times in four days).", valueName: "times")
        static let concurrency = ArgumentHelp("Attempts at once, 1 to 64 (default: 4).", valueName: "count")
        static let rate = ArgumentHelp("Attempts a second at most, 1 to 10000.", valueName: "count")
        static let orderedBy = ArgumentHelp(
            "A header field, or a path as $.order.id: deliveries with the same value go one after the other.",
            valueName: "subject")
    }

    /// A destination, and its secret if the answer has it.
    private static func show(_ destination: DestinationView, _ options: ServerOptions) throws {
        if options.json { return try Output.json(destination) }
        try Output.fields(
            [("id", destination.id), ("name", destination.name), ("kind", destination.kind)]
                + destination.settings.sorted { $0.key < $1.key }.map { ("· \($0.key)", $0.value.replacing("\n", with: " ¦ ")) }
                + [
                    ("state", destination.state), ("disabled", destination.disabledSince),
                    ("because", destination.disabledReason), ("failing since", destination.failingSince),
                    ("schedule", destination.schedule), ("at once", "\(destination.concurrency)"),
                    ("a second", destination.ratePerSecond.map { "\($0)" }), ("ordered by", destination.orderedBy),
                    ("public key", destination.publicKey), ("secrets that sign", "\(destination.signingSecrets)"),
                    ("waiting", "\(destination.waiting)"), ("due", "\(destination.due)"), ("created", destination.createdAt),
                ])
        guard let secret = destination.secret else { return }
        try Output.text("\nKeep it safe; `inlet destination reveal` shows it again:\n")
        try Output.fields([("secret", secret)])
    }
}

extension DestinationKindView {
    fileprivate var heading: String {
        let traits = [signs ? "signs" : nil, isPulled ? "is pulled" : nil].compactMap(\.self)
        return "\(name): \(meaning)" + (traits.isEmpty ? "" : " (\(traits.joined(separator: ", ")))")
    }
}

extension DestinationFieldView {
    fileprivate var typeText: String {
        switch type {
        case "choice": (choices ?? []).joined(separator: "|")
        case "number": "number" + range
        default: type + (takesSecrets ? " with {{NAME}}" : "")
        }
    }

    private var range: String {
        guard minimum != nil || maximum != nil else { return "" }
        return " " + [minimum, maximum].map { $0.map(String.init) ?? "" }.joined(separator: "…")
    }

    fileprivate var defaultText: String { self.default ?? (isRequired ? "required" : "-") }
}
