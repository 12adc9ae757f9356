extension Migration {
    /// The language of an organization, and a person's own.
    static let languages = Migration(number: 6, name: "languages") { dialect in
        [
            "ALTER TABLE organizations ADD COLUMN language \(dialect: dialect.text) NOT NULL DEFAULT 'en'",
            // Without one, the organization's holds.
            "ALTER TABLE accounts ADD COLUMN language \(dialect: dialect.text)",
        ]
    }
}
