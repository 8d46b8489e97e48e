import DeliveryEngine
import MessageModel
import ServerSupport

/// What an operator can set about delayed messages. The key in `broker.conf` is named at each value.
package struct DelaySettings: Sendable {
    /// `messageDelayLevel`.
    package var levels = DelayLevels.apache
    /// `timerWheelEnable`: whether messages may give a time instead of a level.
    package var takesTimers = true
    /// `timerMaxDelaySec` in milliseconds. Apache's default is 3 days.
    package var timerDelayMillisMax: Int64 = 40 * 86_400_000

    /// The defaults.
    package init() {}

    /// What decides about a message.
    var rules: DelayPlan.Rules {
        DelayPlan.Rules(levels: levels, takesTimers: takesTimers, timerDelayMillisMax: timerDelayMillisMax)
    }

    /// Decodes the keys. `takesTimers` comes from the settings of topics, where `timerWheelEnable` also makes the topic.
    init(_ reader: inout ConfigurationReader, takesTimers: Bool) throws(ConfigurationError) {
        let text = try reader.string("messageDelayLevel", default: DelayLevels.apacheText)
        guard let levels = DelayLevels(parsing: text) else {
            throw reader.invalid(
                "messageDelayLevel",
                "\"\(text)\" is not 1 to \(DelayLevels.countMax) delays such as 30s, 5m, 2h or 1d, separated by blanks, "
                    + "of 40 days at most")
        }
        self.levels = levels
        self.takesTimers = takesTimers
        timerDelayMillisMax =
            Int64(try reader.integer("timerMaxDelaySec", default: 40 * 86_400, in: 1...400 * 86_400)) * 1_000
    }
}
