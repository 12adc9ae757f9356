import Configuration
import Domain
import Foundation
import Logging
import SystemPackage

/// Every setting of the server, once: what it is called, what it takes, what it is when nobody says.
///
/// The name is the flag (`--body-bytes-max`), the variable (`INLET_BODY_BYTES_MAX`) and the key in the file, a flat JSON object. A
/// flag goes before a variable, a variable before the file.
package enum Setting: String, CaseIterable, Sendable {
    case data
    case database
    case ingest
    case admin
    case ingestURL = "ingest-url"
    case masterKeyFile = "master-key-file"
    case ingestThreads = "ingest-threads"
    case bodyBytesMax = "body-bytes-max"
    case bytesInFlightMax = "bytes-in-flight-max"
    case callsQueuedMax = "calls-queued-max"
    case connectionsMax = "connections-max"
    case freeBytesMin = "free-bytes-min"
    case eventsDays = "events-days"
    case refusedCallsDays = "refused-calls-days"
    case heldCallsDays = "held-calls-days"
    case heldBytesMax = "held-bytes-max"
    case adminURL = "admin-url"
    case notificationURL = "notification-url"
    case trustedProxies = "trusted-proxies"
    case egressAllow = "egress-allow"
    case logLevel = "log-level"
    case unsafeSynchronous = "unsafe-synchronous"

    /// What it takes.
    enum Kind {
        case text
        case number(ClosedRange<Int>)
        case word([String])
    }

    var kind: Kind {
        switch self {
        case .data, .database, .ingest, .admin, .ingestURL, .adminURL, .notificationURL, .trustedProxies, .egressAllow,
            .masterKeyFile:
            .text
        case .ingestThreads: .number(1...64)
        case .bodyBytesMax: .number(1...(1 << 30))
        case .bytesInFlightMax: .number((1 << 20)...(1 << 40))
        case .callsQueuedMax: .number(1...1_000_000)
        case .connectionsMax: .number(1...1_000_000)
        case .freeBytesMin: .number(0...(1 << 50))
        case .eventsDays, .refusedCallsDays, .heldCallsDays: .number(1...3650)
        case .heldBytesMax: .number(0...(1 << 40))
        case .logLevel: .word(Logger.Level.allCases.map(\.rawValue))
        case .unsafeSynchronous: .word(["full", "normal"])
        }
    }

    /// What it is when nobody says; `nil` if it follows from others.
    var standard: String? {
        switch self {
        case .data: "data"
        case .ingest: "127.0.0.1:8080"
        case .admin: "127.0.0.1:8081"
        case .database, .ingestURL, .adminURL, .notificationURL, .trustedProxies, .egressAllow, .masterKeyFile: nil
        case .ingestThreads: "\(min(4, ProcessInfo.processInfo.activeProcessorCount))"
        case .bodyBytesMax: "26214400"
        case .bytesInFlightMax: "268435456"
        case .callsQueuedMax: "10000"
        case .connectionsMax: "10000"
        case .freeBytesMin: "268435456"
        case .eventsDays: "30"
        case .refusedCallsDays: "30"
        case .heldCallsDays: "7"
        case .heldBytesMax: "268435456"
        case .logLevel: "info"
        case .unsafeSynchronous: "full"
        }
    }

    /// What it means, with its unit.
    var meaning: String {
        switch self {
        case .data: "Folder of the embedded database and of the master keys; made if it is missing."
        case .database:
            "PostgreSQL to use, as libpq takes it: postgres://user@host/name?sslmode=verify-full (default: the embedded database)."
        case .ingest: "Address and port where callers post."
        case .admin: "Address and port of the console and the REST API."
        case .ingestURL: "Where callers reach ingest, if a proxy stands before it (default: http:// and the ingest address)."
        case .masterKeyFile: "File of the master keys (default: master.key in the data folder)."
        case .ingestThreads: "Threads that read and answer calls; here as many as processors, 4 at most."
        case .bodyBytesMax: "Largest body that is taken, in bytes."
        case .bytesInFlightMax: "Bytes of bodies in memory at once; more is answered 503."
        case .callsQueuedMax: "Calls that may wait for the disk; more is answered 503."
        case .connectionsMax: "Connections of callers at once; more is answered 503."
        case .freeBytesMin: "Room to leave on the disk, in bytes; below it calls are answered 503."
        case .eventsDays: "How long an event is kept whose webhook does not say, in days."
        case .refusedCallsDays: "How long the ledger keeps a refused call, in days."
        case .heldCallsDays: "How long a call is kept aside whose token or owner had lapsed, in days."
        case .heldBytesMax: "Room for calls kept aside in each organization, in bytes; 0 keeps none."
        case .adminURL: "Where people reach the admin listener, if a proxy stands before it; for links."
        case .notificationURL: "Address that warnings are posted to as JSON (default: none, they are logged and listed)."
        case .trustedProxies:
            "Networks of proxies whose X-Forwarded-For is believed, 10.0.0.0/8,192.0.2.7 for example (default: none)."
        case .egressAllow:
            "Private networks that organizations may have warnings posted to, 10.1.0.0/16 for example (default: none)."
        case .logLevel: "How much is logged: \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))."
        case .unsafeSynchronous: "For the power-cut test alone: `normal` loses acknowledged events."
        }
    }

    /// The name of the variable.
    var variable: String {
        "INLET_" + rawValue.uppercased().replacing("-", with: "_")
    }
}

/// Why the server does not start with these settings.
package struct SettingsError: Error, Hashable, CustomStringConvertible {
    package let description: String
}

/// The settings of one server, read and checked.
package struct Settings: Sendable {
    package var data: URL
    /// Whether servers that share a database take the time from it; not where a test moves the clock.
    package var isOnDatabaseTime = true
    /// The connection string of PostgreSQL; `nil` for the embedded database.
    package var database: String?
    package var ingest: SocketAddressText
    package var admin: SocketAddressText
    package var ingestURL: String?
    package var masterKeyFile: URL
    package var ingestThreads: Int
    package var bodyBytesMax: Int
    package var bytesInFlightMax: Int
    package var callsQueuedMax: Int
    package var connectionsMax: Int
    package var freeBytesMin: Int
    package var eventsDays: Int
    package var refusedCallsDays: Int
    package var heldCallsDays: Int
    package var heldBytesMax: Int
    package var adminURL: String?
    package var notificationURL: String?
    package var trustedProxies: [IPNetwork]
    package var egressAllow: [IPNetwork]
    package var logLevel: Logger.Level
    package var isUnsafe: Bool

    /// Reads the settings from flags, the environment and a file.
    ///
    /// - Parameters:
    ///   - flags: what stood on the command line.
    ///   - environment: all variables; those that begin with `INLET_` must be known.
    ///   - file: a JSON object; `nil` for none.
    /// - Throws: ``SettingsError`` naming the first key that is unknown, or whose value is bad.
    package init(flags: [Setting: String], environment: [String: String], file: URL?) async throws {
        let fileKeys = try Self.keys(of: file)
        if let unknown = fileKeys.subtracting(Setting.allCases.map(\.rawValue)).min() {
            throw SettingsError(
                description: "\(file?.path ?? "the file") sets `\(unknown)`, which is no setting. "
                    + "`inlet serve --help` lists them.")
        }
        try Self.check(environment)
        var variables = environment
        for (setting, value) in flags { variables[setting.variable] = value }
        let reader = Reader(
            config: try await Self.config(variables, file),
            given: { setting in fileKeys.contains(setting.rawValue) || variables[setting.variable] != nil },
            source: { setting in
                flags[setting] != nil
                    ? "--\(setting.rawValue)"
                    : environment[setting.variable] != nil
                        ? setting.variable : "`\(setting.rawValue)` in \(file?.path ?? "the file")"
            })

        data = URL(fileURLWithPath: try reader.text(.data), isDirectory: true)
        database = try reader.optionalText(.database).map(Self.checkedDatabase)
        ingest = try reader.address(.ingest)
        admin = try reader.address(.admin)
        ingestURL = try reader.optionalText(.ingestURL).map { try Self.checkedURL($0, .ingestURL) }
        adminURL = try reader.optionalText(.adminURL).map { try Self.checkedURL($0, .adminURL) }
        notificationURL = try reader.optionalText(.notificationURL).map { try Self.checkedURL($0, .notificationURL) }
        trustedProxies = try Self.networks(try reader.optionalText(.trustedProxies), .trustedProxies)
        egressAllow = try Self.networks(try reader.optionalText(.egressAllow), .egressAllow)
        masterKeyFile =
            try reader.optionalText(.masterKeyFile).map { URL(fileURLWithPath: $0) }
            ?? data.appendingPathComponent("master.key")
        ingestThreads = try reader.number(.ingestThreads)
        bodyBytesMax = try reader.number(.bodyBytesMax)
        bytesInFlightMax = try reader.number(.bytesInFlightMax)
        callsQueuedMax = try reader.number(.callsQueuedMax)
        connectionsMax = try reader.number(.connectionsMax)
        freeBytesMin = try reader.number(.freeBytesMin)
        eventsDays = try reader.number(.eventsDays)
        refusedCallsDays = try reader.number(.refusedCallsDays)
        heldCallsDays = try reader.number(.heldCallsDays)
        heldBytesMax = try reader.number(.heldBytesMax)
        logLevel = Logger.Level(rawValue: try reader.text(.logLevel)) ?? .info
        isUnsafe = try reader.text(.unsafeSynchronous) == "normal"
        if bytesInFlightMax < bodyBytesMax {
            throw SettingsError(
                description: "`\(Setting.bytesInFlightMax.rawValue)` is less than `\(Setting.bodyBytesMax.rawValue)`, "
                    + "so the largest body could never be taken. Raise the one or lower the other.")
        }
    }

    // Variables of the command line's other half; they say nothing to the server.
    private static let clientVariables: Set<String> = [
        "INLET_SERVER", "INLET_TOKEN", "INLET_PROFILE", "INLET_CONFIG",
    ]

    private static func check(_ environment: [String: String]) throws {
        let known = Set(Setting.allCases.map(\.variable)).union(clientVariables)
        let unknown = environment.keys.filter { $0.hasPrefix("INLET_") && !known.contains($0) }.min()
        if let unknown {
            throw SettingsError(
                description: "The environment sets \(unknown), which is no setting. `inlet serve --help` lists them.")
        }
    }

    private static func keys(of file: URL?) throws -> Set<String> {
        guard let file else { return [] }
        guard let data = try? Data(contentsOf: file) else {
            throw SettingsError(description: "The settings file \(file.path) cannot be read.")
        }
        guard let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any] else {
            throw SettingsError(description: "The settings file \(file.path) must hold a JSON object.")
        }
        return Set(object.keys)
    }

    private static func config(_ variables: [String: String], _ file: URL?) async throws -> ConfigReader {
        let own = variables.filter { $0.key.hasPrefix("INLET_") && !clientVariables.contains($0.key) }
        let unprefixed = Dictionary(uniqueKeysWithValues: own.map { (String($0.key.dropFirst(6)), $0.value) })
        var providers: [any ConfigProvider] = [EnvironmentVariablesProvider(environmentVariables: unprefixed)]
        if let file {
            do {
                providers.append(try await FileProvider<JSONSnapshot>(filePath: FilePath(file.path)))
            } catch {
                throw SettingsError(description: "The settings file \(file.path) cannot be used: \(error)")
            }
        }
        return ConfigReader(providers: providers)
    }

    // Refused here, for libpq would look for a database of that name, or repeat the text with the password in it.
    private static func checkedDatabase(_ text: String) throws(SettingsError) -> String {
        guard ["postgres://", "postgresql://"].contains(where: text.hasPrefix) else {
            throw SettingsError(
                description:
                    "--\(Setting.database.rawValue) must begin with postgres://, as in postgres://user@host/name?sslmode=verify-full."
            )
        }
        return text
    }

    private static func networks(_ text: String?, _ setting: Setting) throws -> [IPNetwork] {
        try (text ?? "").split(separator: ",").map { part in
            let name = part.trimmingCharacters(in: .whitespaces)
            guard let network = IPNetwork(name) else {
                throw SettingsError(
                    description: "`\(setting.rawValue)` names \(name), which is no network; write 10.0.0.0/8 or "
                        + "2001:db8::/32, or one address.")
            }
            return network
        }
    }

    private static func checkedURL(_ text: String, _ setting: Setting) throws -> String {
        guard let url = URLComponents(string: text), ["http", "https"].contains(url.scheme ?? ""), url.host != nil,
            setting == .notificationURL || url.query == nil, url.fragment == nil, !text.contains("'"),
            url.hasUsablePort
        else {
            throw SettingsError(
                description: "`\(setting.rawValue)` must be an address such as https://hooks.example.com.")
        }
        return text.hasSuffix("/") && setting != .notificationURL ? String(text.dropLast()) : text
    }
}

/// Reads one setting at a time and says what is wrong with it.
private struct Reader {
    let config: ConfigReader
    let given: (Setting) -> Bool
    let source: (Setting) -> String

    func text(_ setting: Setting) throws -> String {
        try optionalText(setting) ?? ""
    }

    func optionalText(_ setting: Setting) throws -> String? {
        guard given(setting) else { return setting.standard }
        guard let value = try? config.requiredString(forKey: ConfigKey([setting.rawValue])), !value.isEmpty else {
            throw SettingsError(description: "\(source(setting)) must be a text that is not empty.")
        }
        if case .word(let words) = setting.kind, !words.contains(value) {
            throw SettingsError(
                description: "\(source(setting)) is `\(value)`; it must be one of: \(words.joined(separator: ", ")).")
        }
        return value
    }

    func number(_ setting: Setting) throws -> Int {
        guard case .number(let range) = setting.kind else { return 0 }
        guard given(setting) else { return Int(setting.standard ?? "") ?? range.lowerBound }
        guard let value = try? config.requiredInt(forKey: ConfigKey([setting.rawValue])), range.contains(value) else {
            throw SettingsError(
                description: "\(source(setting)) must be a whole number from \(range.lowerBound) to \(range.upperBound).")
        }
        return value
    }

    func address(_ setting: Setting) throws -> SocketAddressText {
        let text = try text(setting)
        guard let address = SocketAddressText(text) else {
            throw SettingsError(
                description: "\(source(setting)) is `\(text)`; it must be an address and a port, 127.0.0.1:8080 for example.")
        }
        return address
    }
}

/// Where to listen: a host and a port. An IPv6 address stands in brackets.
package struct SocketAddressText: Hashable, Sendable {
    package let host: String
    package var port: Int

    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port)
        else { return nil }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty else { return nil }
        self.host = host
        self.port = port
    }

    /// How a client on this machine writes it.
    package var url: String {
        let reachable = host == "0.0.0.0" ? "127.0.0.1" : host == "::" ? "::1" : host
        return "http://" + (reachable.contains(":") ? "[\(reachable)]" : reachable) + ":\(port)"
    }
}
