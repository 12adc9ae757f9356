import Domain
import FoundationEssentials

/// The fields that the bodies of each webhook have had (D12).
package struct WebhookFieldTable {
    private let connection: any Connection

    package init(_ connection: any Connection) {
        self.connection = connection
    }

    /// What was learned of one webhook.
    package struct Learned: Equatable, Sendable {
        package var tree: FieldTree
        /// For each field of the tree, in its order, the number of the event that had it first.
        package var firstEvents: [Int64]
        /// How many bodies it was learned from.
        package var events: Int64
        /// The newest event that was looked at.
        package var lastEvent: OrderedID<Event>

        /// Nothing yet.
        package init() {
            tree = FieldTree()
            firstEvents = []
            events = 0
            lastEvent = OrderedID(number: 0)
        }
    }

    /// What is known of a webhook; nothing if none of its events was looked at.
    package func find(_ webhook: ID<Webhook>) throws(StorageError) -> Learned {
        let row = try connection.row(
            "SELECT tree, first_events, learned_events, last_event FROM webhook_fields WHERE webhook = \(webhook)")
        var learned = Learned()
        guard let row else { return learned }
        guard let node = try? JSONNode(try row.text("tree").utf8), let tree = FieldTree(node),
            case .array(let numbers)? = try? JSONNode(try row.text("first_events").utf8)
        else { throw .unreadable("the fields of a webhook are no tree") }
        learned.tree = tree
        learned.firstEvents = numbers.compactMap { node in
            if case .number(let number) = node { number.integer.map(Int64.init) } else { nil }
        }
        learned.events = try row.integer("learned_events")
        learned.lastEvent = OrderedID(number: try row.integer("last_event"))
        guard learned.firstEvents.count == tree.fields.count else {
            throw .unreadable("the fields of a webhook lack the events they were learned from")
        }
        return learned
    }

    /// Keeps what was learned, unless somebody else learned meanwhile.
    ///
    /// - Parameter last: up to which event it was learned before.
    package func save(
        _ learned: Learned, of webhook: ID<Webhook>, behind last: OrderedID<Event>
    ) throws(StorageError) {
        let numbers = JSONNode.array(learned.firstEvents.map { .number(JSONNumber(Int(clamping: $0))) })
        try connection.execute(
            """
            INSERT INTO webhook_fields (webhook, tree, first_events, learned_events, last_event)
            VALUES (\(webhook), \(learned.tree.json.text), \(numbers.text), \(learned.events), \(learned.lastEvent))
            ON CONFLICT (webhook) DO UPDATE
            SET tree = excluded.tree, first_events = excluded.first_events, learned_events = excluded.learned_events,
                last_event = excluded.last_event
            WHERE webhook_fields.last_event = \(last)
            """)
    }

    /// A webhook with events that were not looked at, and up to which one they were.
    package struct Waiting: Sendable {
        package let webhook: ID<Webhook>
        package let newest: OrderedID<Event>
    }

    /// Webhooks with events that were not looked at, those that wait longest first.
    package func waiting() throws(StorageError) -> [Waiting] {
        var waiting: [Waiting] = []
        for row in try connection.rows(Self.waitingList) {
            waiting.append(
                Waiting(webhook: try row.id("webhook"), newest: OrderedID(number: try row.integer("newest"))))
        }
        return waiting
    }

    static let waitingList: SQL = """
        SELECT webhook, newest FROM (
            SELECT webhooks.id AS webhook, COALESCE(webhook_fields.last_event, 0) AS last_event,
                (SELECT max(events.id) FROM events WHERE events.webhook = webhooks.id) AS newest
            FROM webhooks LEFT JOIN webhook_fields ON webhook_fields.webhook = webhooks.id) AS found
        WHERE newest > last_event ORDER BY last_event, webhook
        """
}
