/// What will stop by itself, and when. Row N4.
package struct OutlookItem: Hashable, Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        /// The account shows no activity and will become inactive (D6).
        case accountLapses = "account_lapses"
        /// The token reaches its expiry (N7).
        case tokenExpires = "token_expires"
        /// The old secret of a rotated token stops working (N6).
        case overlapEnds = "overlap_ends"
        /// An activation token reaches the end of its lifetime (E4).
        case activationExpires = "activation_expires"
        /// A destination was disabled by a rule; a warning that comes after the fact, and never in the outlook.
        case destinationDisabled = "destination_disabled"

        /// How many days ahead warnings are given, farthest first; of 60 days of inactivity these are 45, 53 and 59.
        package var warningDays: [Int64] {
            switch self {
            case .accountLapses: [15, 7, 1]
            case .tokenExpires, .overlapEnds, .activationExpires: [14, 7, 1]
            case .destinationDisabled: []
            }
        }
    }

    package let at: Timestamp
    package let kind: Kind
    /// The public id of the account or token.
    package let subject: String
    package let name: Label
    /// `nil` for what belongs to the organization.
    package let owner: ID<Account>?
    /// The tokens that stop with it.
    package let tokens: [ID<Token>]
    /// The last activity, or the beginning, if the end is counted from it.
    package let activeAt: Timestamp?

    package init(
        at: Timestamp, kind: Kind, subject: String, name: Label, owner: ID<Account>?, tokens: [ID<Token>],
        activeAt: Timestamp? = nil
    ) {
        self.at = at
        self.kind = kind
        self.subject = subject
        self.name = name
        self.owner = owner
        self.tokens = tokens
        self.activeAt = activeAt
    }

    /// Whole days that are left, rounded up; 0 when the moment has come.
    package func daysLeft(at now: Timestamp) -> Int64 {
        let left = max(0, at.since(now).microseconds)
        let (days, rest) = left.quotientAndRemainder(dividingBy: Interval.days(1).microseconds)
        return days + (rest > 0 ? 1 : 0)
    }

    // Where few idle days are allowed, a mark can lie before the last activity; then nobody was idle when it passed.
    private func isAhead(days: Int64) -> Bool {
        activeAt.map { at.since($0) > .days(days) } ?? true
    }

    /// The nearest mark that has been reached: 7 from seven days before the end until one day before it; `nil` before the first.
    ///
    /// A warning is given once for each mark; marks that passed unseen, while the server was off, are not given afterwards.
    package func warningMark(at now: Timestamp) -> Int64? {
        let left = at.since(now)
        guard left > Interval(microseconds: 0) else { return nil }
        return kind.warningDays.last { left <= .days($0) && isAhead(days: $0) }
    }
}

/// A warning that was given.
package struct Warning: Identified, Sendable {
    package static let idPrefix = "wrn"

    package let id: OrderedID<Warning>
    package let organization: ID<Organization>
    package let at: Timestamp
    package let kind: OutlookItem.Kind
    package let subject: String
    package let name: Label
    package let dueAt: Timestamp
    /// The mark that was reached, in days.
    package let mark: Int64
    /// When the configured address took it; `nil` if there is none or it has not.
    package var deliveredAt: Timestamp?

    package init(
        id: OrderedID<Warning>, organization: ID<Organization>, at: Timestamp, kind: OutlookItem.Kind, subject: String,
        name: Label, dueAt: Timestamp, mark: Int64, deliveredAt: Timestamp? = nil
    ) {
        self.id = id
        self.organization = organization
        self.at = at
        self.kind = kind
        self.subject = subject
        self.name = name
        self.dueAt = dueAt
        self.mark = mark
        self.deliveredAt = deliveredAt
    }
}
