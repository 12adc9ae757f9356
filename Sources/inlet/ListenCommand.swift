import ArgumentParser
import Client
import Contract
import Domain
import Foundation
import UnixSignals

/// `inlet listen`
struct ListenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "listen",
        abstract: "Hand events to a program on this machine as they come, until Ctrl-C.",
        discussion: """
            With --webhook the events that come from now on are handed over, as a flow would send them and with the caller's own \
            header fields beside. With --destination, of the kind listen, the deliveries of flows are: what your program answers \
            is noted as an attempt, and what comes while this does not run waits.

            At a terminal r hands over the last event once more, q ends, ? helps.
            """)

    @Option(help: "Whose events: id, or a name that only one has.") var webhook: String?
    @Option(help: "Whose deliveries: id or name; of the kind listen.") var destination: String?
    @Option(help: ArgumentHelp("Where your program listens, http://localhost:3000/hook for example.", valueName: "url"))
    var forward: String
    @Option(help: ArgumentHelp("Begin after this event, evt_…, instead of now; with --webhook.", valueName: "event"))
    var since: String?
    @OptionGroup var options: ServerOptions

    func validate() throws {
        guard (webhook == nil) != (destination == nil) else {
            throw ValidationError("Give either --webhook or --destination.")
        }
        guard since == nil || webhook != nil else { throw ValidationError("--since belongs to --webhook.") }
        do {
            _ = try LocalProgram(url: forward)
        } catch {
            throw ValidationError(error.description)
        }
    }

    func run() async throws {
        try await Failures.shown {
            let place = ListenPlace(since: since)
            let loop = ListenLoop(
                client: try options.client(), program: try LocalProgram(url: forward),
                source: webhook.map { .webhook($0) } ?? .destination(destination ?? ""), clock: SystemClock(), place: place,
                say: { [json = options.json] in try $0.show(asJSON: json) })
            defer { sayHowToGoOn(place) }
            // Before it says that it is at work.
            try await loop.takePlace()
            try await listen(loop)
        }
    }

    private enum End {
        case asked, keysOver
    }

    private func listen(_ loop: ListenLoop) async throws {
        // Before the terminal is changed, so that nothing ends the program while it is.
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup, .sigquit, .sigcont)
        let keyboard = Keyboard()
        defer { keyboard?.restore() }
        Terminal.note(
            "Handing over to \(Output.printable(forward)). "
                + (keyboard == nil ? "Ctrl-C ends." : "r: the last one again, q: end, ?: help."))
        try await withThrowingTaskGroup(of: End.self) { group in
            group.addTask {
                try await loop.run()
                return .asked
            }
            group.addTask {
                for await signal in signals {
                    guard signal == .sigcont else { break }
                    keyboard?.resume()
                }
                return .asked
            }
            if let keyboard { group.addTask { try await obey(keyboard, loop) } }
            while let end = try await group.next(), end != .asked {}
            group.cancelAll()
        }
    }

    private func obey(_ keyboard: Keyboard, _ loop: ListenLoop) async throws -> End {
        for await key in keyboard.keys {
            switch key {
            case "r", "R": try await loop.repeatLast()
            case "q", "Q": return .asked
            case "?": Terminal.note("r  hand over the last event once more\nq  end; so does Ctrl-C\n?  this")
            default: break
            }
        }
        return .keysOver
    }

    private func sayHowToGoOn(_ place: ListenPlace) {
        if destination != nil {
            Terminal.note("What comes from now on waits at the server until you listen again.")
        } else if let since = place.since {
            Terminal.note("To go on from here: --since \(Output.printable(since))")
        }
    }
}

extension ListenNews {
    fileprivate func show(asJSON: Bool) throws {
        guard case .handedOver(let message, let answer, let isReplay) = self else { return Terminal.note(words) }
        if asJSON {
            return try Output.write(try Wire.encode(ListenLine(message, answer, isReplay: isReplay)) + Data("\n".utf8))
        }
        try Output.text(Self.line(message, answer, isReplay: isReplay, at: Date()))
    }

    /// One hand-over for a person's eyes.
    static func line(
        _ message: LocalMessage, _ answer: LocalAnswer, isReplay: Bool, at now: Date, in zone: TimeZone = .current
    ) -> String {
        let clock = DateFormatter()
        clock.locale = Locale(identifier: "en_US_POSIX")
        clock.timeZone = zone
        clock.dateFormat = "HH:mm:ss"
        let result =
            switch answer.result {
            case .status(let status, _): "\(status)  \(answer.milliseconds) ms"
            case .fault(let words): words
            }
        let parts = [clock.string(from: now), message.event, "\(message.body.count) B", result, isReplay ? "(again)" : nil]
        return Output.printable(parts.compactMap(\.self).joined(separator: "  "))
    }

    private var words: String {
        switch self {
        case .handedOver: ""
        case .gone(let event): "\(Output.printable(event)) is kept no longer, so it was passed over."
        case .leaseOver(let delivery): "The server was told too late of \(Output.printable(delivery)); it comes again."
        case .away: "The server does not answer; trying again until it does."
        case .back: "The server is back."
        case .nothingYet: "Nothing was handed over yet."
        }
    }
}

/// One hand-over as JSON.
private struct ListenLine: Encodable {
    let at: String
    let event: String
    let delivery: String?
    let webhook: String
    let bytes: Int
    var status: Int?
    var error: String?
    let milliseconds: Int64
    let isReplay: Bool

    init(_ message: LocalMessage, _ answer: LocalAnswer, isReplay: Bool) {
        at = SystemClock().now().text
        (event, delivery, webhook, bytes) = (message.event, message.delivery, message.webhook, message.body.count)
        switch answer.result {
        case .status(let status, _): self.status = status
        case .fault(let words): error = words
        }
        milliseconds = answer.milliseconds
        self.isReplay = isReplay
    }
}
