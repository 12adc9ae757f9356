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
    package static let inactivityDaysDefault = 60
}
