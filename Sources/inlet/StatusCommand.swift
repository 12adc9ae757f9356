import ArgumentParser
import Client
import Contract

/// `inlet status`: how the server is.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "status", abstract: "Show how the server is.")

    @OptionGroup var options: ServerOptions

    func run() async throws {
        try await Failures.shown {
            let status = try await options.client().status()
            if options.json { return try Output.json(status) }
            try Output.fields([
                ("version", status.version), ("started", status.startedAt), ("database", status.database),
                ("servers", "\(status.servers)"),
                ("ingest", status.ingestUrl), ("queued calls", "\(status.queuedCalls)"),
                ("bytes in flight", "\(status.bytesInFlight)"),
                ("free on disk", status.diskFreeBytes.map { "\($0) bytes" }),
                ("takes calls", status.obstacle.map { "no: \($0)" } ?? "yes"), ("sweep held", status.sweepHeld),
            ])
        }
    }
}
