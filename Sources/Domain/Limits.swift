/// The bounds everything keeps to, each with its unit. The changeable ones are defaults of settings.
package enum Limits {
    package static let bodyBytesMax = 26_214_400
    package static let headerBytesMax = 32_768
    package static let headerFieldsMax = 100
    package static let contextBytesMax = 4_096
    package static let dedupeKeyBytesMax = 255
    package static let nameCharacters = 1...100
    package static let descriptionCharactersMax = 500
    package static let passwordCharacters = 8...128
    package static let dedupeWindow = Interval.days(7)
    package static let managementTokenLifetimeMax = Interval.days(365)
    package static let pageItems = 1...500
    package static let retentionDays = 1...3_650
    package static let retentionBytes: ClosedRange<Int64> = 1...1_125_899_906_842_624
    /// The body of a call is answered by a webhook that echoes only up to here.
    package static let echoBytesMax = 65_536
    package static let sessionLifetime = Interval.seconds(12 * 3600)
    package static let sessionIdleTime = Interval.seconds(30 * 60)
    package static let oneTimeLinkLifetime = Interval.days(3)
    package static let networksPerTokenMax = 32
    package static let rateLimitPerMinute: ClosedRange<Int64> = 1...1_000_000
    /// How far back `impact` and the counts look.
    package static let usageDays: Int64 = 30
    /// How many minutes back calls are counted one by one.
    package static let rateMinutes = 1...180
    package static let outlookDays: ClosedRange<Int> = 1...365
    /// How long a secret that ended is still told apart from an unknown one.
    package static let endedSecretsKept = Interval.days(30)
    package static let inactivityDaysDefault = 60
    /// Activation tokens of one credential that work.
    package static let activationsMax = 100
    /// Exchanges of one integration token a minute.
    package static let activationsPerMinute: Int64 = 30
    /// How long an activation token that ran out is still told apart from an unknown one.
    package static let expiredActivationsKept = Interval.days(1)
    package static let deploysPerMinute: Int64 = 120
    /// Deploys of one application that are kept; the oldest go first.
    package static let deploysKept = 50_000
    package static let activationLifetimeSeconds: ClosedRange<Int64> = 60...31_536_000
    package static let credentialsMax = 100
    package static let applicationsMax = 1_000
    package static let resourcesMax = 1_000
    package static let variablesMax = 500
    /// Objects in one report of hits.
    package static let reportsPerRequest = 1...1_000
    package static let hitsMax: Int64 = 1_000_000_000_000
    package static let urlBytesMax = 2_000
    /// How old what a report tells of may be, and how far a sender's clock may be ahead.
    package static let reportAgeMax = Interval.days(7)
    package static let reportAheadMax = Interval.seconds(300)
    package static let availabilityPointsMax: Int64 = 2_000
    package static let measureDays: ClosedRange<Int> = 1...365
    /// Deploys that one look at the measures reads.
    package static let measuredDeploysMax = 20_000
    package static let variableBytes = 1...8_192
    /// Secret variables that one template may use, or the settings of one destination.
    package static let variablesPerTemplate = 20
    package static let notificationHeadersMax = 10
    package static let flowsMax = 500
    package static let destinationsMax = 500
    package static let destinationsPerFlow = 1...10
    /// How long a delivery stays listed whose event was dropped before it arrived.
    package static let lostDeliveriesKept = Interval.days(90)
    /// How many events a second a replay sends.
    package static let replayRate = 1...1_000
    /// How many replays of one organization go on at once.
    package static let replaysMax = 5
    /// How many events a dry run of a replay looks into.
    package static let replayCountMax = 20_000
    package static let claimItems = 1...100
    package static let claimLeaseSeconds = 5...300
}
