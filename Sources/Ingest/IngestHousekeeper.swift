import Domain
import Logging
import ServiceLifecycle
import Storage

/// Writes down what the hot path gathers, and watches the disk. Four times a second; a last time when the server stops.
package struct IngestHousekeeper: Service {
    private let store: Store
    private let activity: ActivityBook
    private let quota: QuotaBook
    private let ledger: Ledger
    private let load: IngestLoad
    private let outage: Outage
    private let turn = Turn()

    package init(
        store: Store, activity: ActivityBook, quota: QuotaBook, ledger: Ledger, load: IngestLoad, logger: Logger
    ) {
        self.store = store
        self.activity = activity
        self.quota = quota
        self.ledger = ledger
        self.load = load
        outage = Outage { logger.error("\($0)", metadata: ["error": "\($1)"]) }
    }

    package func run() async throws {
        try? await cancelWhenGracefulShutdown {
            var round = 0
            while !Task.isCancelled {
                try await Task.sleep(for: .milliseconds(250))
                round += 1
                await turn.take { await flushLedger() }
                if round.isMultiple(of: 4) {
                    load.lookAtDisk()
                    await turn.take { await flushActivity() }
                }
            }
        }
        await flush()
    }

    /// Writes everything down now; what is being written at the moment is on disk too when this returns.
    package func flush() async {
        await turn.take {
            await flushLedger()
            await flushActivity()
        }
    }

    private func flushLedger() async {
        await outage.trying("refused calls could not be listed") { try await ledger.flush(to: store) }
    }

    private func flushActivity() async {
        await outage.trying("activity could not be written") { try await activity.flush(to: store) }
        await outage.trying("usage could not be written") { try await quota.flush(to: store) }
    }
}

/// Lets one flush after the other through.
private actor Turn {
    private var last: Task<Void, Never>?

    func take(_ work: @escaping @Sendable () async -> Void) async {
        let next = Task { [last] in
            await last?.value
            await work()
        }
        last = next
        await next.value
    }
}
