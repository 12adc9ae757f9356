import Domain

/// What the pages of settings share, those of the organization and those of a person.
extension PageRequest {
    /// Pages beside each other, for the partial `tabs`.
    ///
    /// - Parameters:
    ///   - label: the key of what they are, for those who don't see them.
    ///   - pages: paths, and the keys of what stands on each.
    func tabs(_ label: String, _ pages: [(path: String, key: String)], current: String) -> Model {
        [
            "label": input.words[label],
            "items": pages.map {
                ["href": $0.path, "label": input.words[$0.key], "isCurrent": $0.path == current] as Model
            },
        ]
    }

    /// The tabs of the organization's settings (E1).
    func settingsTabs(_ current: String) -> Model {
        var pages = [("/settings", "settings.tab_general")]
        if may(.readIntegrations) { pages.append(("/settings/integration-tokens", "settings.tab_integration_tokens")) }
        if may(.readVariables) { pages.append(("/settings/variables", "settings.tab_variables")) }
        if may(.manageInstallation) { pages.append(("/settings/installation", "settings.tab_installation")) }
        return tabs("nav.settings", pages, current: current)
    }
}
