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
    /// `recallMessageEnable`: whether messages with a time can be taken back. Apache's default is false.
    package var isRecallEnabled = true
    /// `maxPendingTimers`: messages with a time that may wait; each takes 40 bytes of memory.
    package var timersMax = 4_000_000
    /// Age at which a waiting message is written anew: before the files of the log are deleted for theirs.
    package var timerRollMillis: Int64 = 2 * 86_400_000

    /// The defaults.
    package init() {}

    /// What decides about a message.
    var rules: DelayPlan.Rules {
        DelayPlan.Rules(levels: levels, takesTimers: takesTimers, timerDelayMillisMax: timerDelayMillisMax)
    }

    /// Decodes the keys. `takesTimers` comes from the settings of topics, where `timerWheelEnable` also makes the topic.
    init(
        _ reader: inout ConfigurationReader, takesTimers: Bool, retentionHours: Int
    ) throws(ConfigurationError) {
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
        isRecallEnabled = try reader.bool("recallMessageEnable", default: true)
        timersMax = try reader.integer("maxPendingTimers", default: timersMax, in: 1...1_000_000_000)
        timerRollMillis = min(timerRollMillis, Int64(retentionHours) * 3_600_000 / 3 * 2)
    }
}
