import Domain

/// Applications of organizations, and the history of their deploys. Row E6.
package struct ApplicationTable {
    private let connection: any Connection

    package init(_ connection: any Connection) {
        self.connection = connection
    }

    /// - Throws: ``StorageError/conflict(_:)`` if the organization has one of that name.
    package func insert(_ application: Application) throws(StorageError) {
        try connection.execute(
            """
            INSERT INTO applications (id, organization, name, description, credential, created_at)
            VALUES (\(application.id), \(application.organization), \(application.name), \(application.description),
                \(application.credential), \(application.createdAt))
            """)
    }

    package func update(_ application: Application) throws(StorageError) {
        try connection.execute(
            """
            UPDATE applications
            SET name = \(application.name), description = \(application.description), credential = \(application.credential)
            WHERE id = \(application.id) AND organization = \(application.organization)
            """)
    }

    package func delete(_ id: ID<Application>) throws(StorageError) {
        try connection.execute("DELETE FROM applications WHERE id = \(id)")
    }

    package func find(_ id: ID<Application>, in organization: ID<Organization>) throws(StorageError) -> Application? {
        try applications("organization = \(organization) AND id = \(id)", limit: 1).first
    }

    package func find(name: String, in organization: ID<Organization>) throws(StorageError) -> Application? {
        try applications("organization = \(organization) AND name = \(name)", limit: 1).first
    }

    /// Applications in the order of their ids, after that one.
    package func list(
        in organization: ID<Organization>, after: ID<Application>?, limit: Int
    ) throws(StorageError) -> [Application] {
        try applications("organization = \(organization) AND id > \(after?.text ?? "")", limit: limit)
    }

    /// All applications that belong to a credential.
    package func list(of credential: ID<IntegrationCredential>) throws(StorageError) -> [Application] {
        try applications("credential = \(credential)", limit: .max)
    }

    /// All applications that belong to no credential.
    package func waiting(in organization: ID<Organization>) throws(StorageError) -> [Application] {
        try applications("organization = \(organization) AND credential IS NULL", limit: .max)
    }

    private func applications(_ condition: SQL, limit: Int) throws(StorageError) -> [Application] {
        try connection.rows("SELECT * FROM applications WHERE \(sql: condition) ORDER BY id LIMIT \(limit)")
            .map(Application.init)
    }
}

/// Deploys that were reported.
package struct DeployTable {
    private let connection: any Connection

    package init(_ connection: any Connection) {
        self.connection = connection
    }

    /// Keeps a deploy, unless one with the same application, environment, version and status is there.
    ///
    /// - Returns: the one that is there now: the new one, or the earlier one.
    package func insert(_ deploy: Deploy) throws(StorageError) -> OrderedID<Deploy> {
        let isNew =
            try connection.execute(
                """
                INSERT INTO deploys (id, application, environment, version, status, revision, url, started_at, finished_at,
                    committed_at, at, received_at, remote_address)
                VALUES (\(deploy.id), \(deploy.application), \(deploy.environment), \(deploy.version),
                    \(deploy.status.rawValue), \(deploy.commit), \(deploy.url), \(deploy.startedAt), \(deploy.finishedAt),
                    \(deploy.committedAt), \(deploy.at), \(deploy.receivedAt), \(deploy.remoteAddress))
                ON CONFLICT (application, environment, version, status) DO NOTHING
                """) == 1
        if isNew { return deploy.id }
        let earlier = try connection.row(
            """
            SELECT id FROM deploys WHERE application = \(deploy.application) AND environment = \(deploy.environment)
                AND version = \(deploy.version) AND status = \(deploy.status.rawValue)
            """)
        guard let earlier else { throw .unreadable("a deploy vanished inside a transaction") }
        return OrderedID(number: try earlier.integer("id"))
    }

    /// The largest id there is; 0 if there are none.
    package func lastNumber() throws(StorageError) -> Int64 {
        try connection.row("SELECT max(id) AS last FROM deploys")?.optionalInteger("last") ?? 0
    }

    /// Reports newest first, older than that one.
    ///
    /// - Parameter environment: all when `nil`.
    package func list(
        of application: ID<Application>, environment: String?, before: OrderedID<Deploy>?, limit: Int
    ) throws(StorageError) -> [Deploy] {
        var condition: SQL = "application = \(application) AND id < \(before ?? OrderedID(number: .max))"
        if let environment { condition = "\(sql: condition) AND environment = \(environment)" }
        return try connection.rows("SELECT * FROM deploys WHERE \(sql: condition) ORDER BY id DESC LIMIT \(limit)")
            .map(Deploy.init)
    }

    /// Reports of one environment since a moment; the latest ones if there are too many.
    package func list(
        of application: ID<Application>, environment: String, since moment: Timestamp, limit: Int
    ) throws(StorageError) -> [Deploy] {
        try connection.rows(
            """
            SELECT * FROM deploys WHERE application = \(application) AND environment = \(environment) AND at >= \(moment)
            ORDER BY at DESC, id DESC LIMIT \(limit)
            """
        ).map(Deploy.init)
    }

    /// The newest deploy of each application that is one too many, where there are more than so many.
    package func newestBeyond(_ count: Int) throws(StorageError) -> [ID<Application>: OrderedID<Deploy>] {
        var newest: [ID<Application>: OrderedID<Deploy>] = [:]
        for row in try connection.rows("SELECT id FROM applications ORDER BY id") {
            let application: ID<Application> = try row.id("id")
            newest[application] = try connection.row(
                "SELECT id FROM deploys WHERE application = \(application) ORDER BY id DESC LIMIT 1 OFFSET \(count)"
            ).map { row throws(StorageError) in OrderedID(number: try row.integer("id")) }
        }
        return newest
    }

    /// Drops at most that many deploys of an application up to one.
    ///
    /// - Returns: how many were dropped.
    package func drop(
        of application: ID<Application>, upTo last: OrderedID<Deploy>, limit: Int
    ) throws(StorageError) -> Int {
        try connection.execute(
            """
            DELETE FROM deploys WHERE id IN (
                SELECT id FROM deploys WHERE application = \(application) AND id <= \(last) ORDER BY id LIMIT \(limit))
            """)
    }

    /// Drops the whole history of an application.
    package func drop(of application: ID<Application>) throws(StorageError) {
        try connection.execute("DELETE FROM deploys WHERE application = \(application)")
    }
}

extension Application {
    fileprivate init(_ row: Row) throws(StorageError) {
        self.init(
            id: try row.id("id"), organization: try row.id("organization"), name: try row.label("name"),
            description: try row.label("description"),
            credential: try row.optionalText("credential").map(ID.init(stored:)), createdAt: try row.timestamp("created_at"))
    }
}

extension Deploy {
    fileprivate init(_ row: Row) throws(StorageError) {
        self.init(
            id: OrderedID(number: try row.integer("id")), application: try row.id("application"),
            version: try row.label("version"), environment: try row.label("environment"), status: try row.word("status"),
            commit: try row.optionalText("revision").map(Label.init(stored:)), url: try row.optionalText("url"),
            startedAt: try row.optionalTimestamp("started_at"), finishedAt: try row.optionalTimestamp("finished_at"),
            committedAt: try row.optionalTimestamp("committed_at"), receivedAt: try row.timestamp("received_at"),
            remoteAddress: try row.text("remote_address"))
    }
}
