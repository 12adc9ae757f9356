import Domain
import HTTPTypes
import Manage
import Storage
import Synchronization
import WebSupport

/// What pages that are open are told as it happens, by server-sent events.
enum LiveFeed {
    static let list: [PageRoute] = [
        PageRoute(.get, "/live/events", .readEvents, events),
        PageRoute(.get, "/live/replays/:id", .readFlows, replay),
    ]

    // A proxy closes what is silent for long.
    private static let heartbeatSeconds = 10
    // A list shows no more rows than that, so no round brings more.
    private static let rowsPerRound = 50
    private static let roundPause = Duration.milliseconds(250)
    private static let progressPause = Duration.milliseconds(500)

    /// Rows of the list of events as they come; of one webhook, if the query has `webhook`. Goes on behind the last one that the
    /// browser saw, or behind `since`; otherwise begins now.
    private static func events(_ request: PageRequest) async throws -> PageAnswer {
        let webhook = request.query["webhook"]
        let start =
            [request.lastEventID, request.query["since"]].compactMap { $0.flatMap(OrderedID<Event>.init) }.first
            ?? .first(at: request.now)
        // What is wrong with the request is told before anything is sent.
        _ = try await request.operations.events.newer(than: start.text, webhook: webhook, limit: 1, request.actor)
        let seat = try request.surroundings.seats.take(request.actor)
        return .events { send in
            // Holds the seat as long as it runs.
            _ = seat
            send(.stillHere)
            var place = start
            while !Task.isCancelled {
                // Every round looks at the session again, and ends with it.
                let found = try await request.operations.events.newer(
                    than: place.text, webhook: webhook, limit: rowsPerRound, waitSeconds: heartbeatSeconds, request.actor)
                guard !Task.isCancelled else { return }
                var events = found.items
                if found.next != nil {
                    // More came than a list shows, so the newest are all there is to show.
                    let newest = try await request.operations.events.list(
                        EventQuery(webhook: webhook), after: nil, limit: rowsPerRound, request.actor)
                    events = newest.items.reversed().filter { $0.id > place }
                }
                if events.isEmpty { send(.stillHere) }
                for (event, row) in zip(events, try await EventPages.rows(events, request)) {
                    send(.html(try request.input.part("event-row", row), id: event.id.text))
                }
                place = events.last?.id ?? place
                try await Task.sleep(for: roundPause)
            }
        }
    }

    /// How far a replay is, until it ends.
    private static func replay(_ request: PageRequest) async throws -> PageAnswer {
        let id = request.id
        _ = try await request.operations.replays.show(id, request.actor)
        let seat = try request.surroundings.seats.take(request.actor)
        return .events { send in
            _ = seat
            var last: Replay?
            var quiet = 0
            while !Task.isCancelled {
                let now = try await request.operations.replays.show(id, request.actor)
                if now != last {
                    send(.html(try request.input.part("replay-progress", ReplayPages.progress(now, request))))
                    quiet = 0
                } else if quiet >= heartbeatSeconds * 2 {
                    send(.stillHere)
                    quiet = 0
                }
                if now.state != .running { return send(.done) }
                last = now
                quiet += 1
                try await Task.sleep(for: progressPause)
            }
        }
    }
}

/// How many streams are open, by person. A browser opens one a page; more than a few at once is no reader, and no organization may
/// take the places of all others.
final class StreamSeats: Sendable {
    static let perPerson = 12
    static let perOrganization = 32
    static let inAll = 96

    fileprivate struct Place: Hashable {
        let organization: ID<Organization>
        let account: ID<Account>
    }

    private let taken = Mutex<[Place: Int]>([:])

    /// A place that is free again when it is let go.
    final class Seat: Sendable {
        private let seats: StreamSeats
        private let place: Place

        fileprivate init(_ seats: StreamSeats, _ place: Place) {
            self.seats = seats
            self.place = place
        }

        deinit { seats.leave(place) }
    }

    /// Takes a place for the actor.
    ///
    /// - Throws: ``OperationError/tooManyAttempts(seconds:)`` if there is none.
    func take(_ actor: Actor) throws(OperationError) -> Seat {
        let place = Place(organization: actor.organization, account: actor.account)
        let isFree = taken.withLock { taken in
            // Of a person in several organizations all count.
            let own = taken.filter { $0.key.account == place.account }.values.reduce(0, +)
            let neighbours = taken.filter { $0.key.organization == place.organization }.values.reduce(0, +)
            guard own < Self.perPerson, neighbours < Self.perOrganization, taken.values.reduce(0, +) < Self.inAll else {
                return false
            }
            taken[place, default: 0] += 1
            return true
        }
        guard isFree else { throw .tooManyAttempts(seconds: 5) }
        return Seat(self, place)
    }

    /// How many are open.
    var count: Int { taken.withLock { $0.values.reduce(0, +) } }

    private func leave(_ place: Place) {
        taken.withLock { taken in
            let own = (taken[place] ?? 0) - 1
            taken[place] = own > 0 ? own : nil
        }
    }
}

extension OpenPageRequest {
    /// A piece of a page, as a stream sends it.
    func part(_ template: String, _ model: Model) throws -> String {
        var all = model
        all["t"] = words.tree
        all["page"] = pageModel(title: "", csrf: "")
        return try templates.render(template, all)
    }
}
