import MessageModel

/// What a run of the load generator does; checked values, whatever they came from.
package struct LoadSettings: Sendable {
    /// What is driven.
    package enum Work: String, Sendable, CaseIterable {
        case produce, consume
        case endToEnd = "end-to-end"
    }

    /// Where the load goes.
    package enum Target: Hashable, Sendable {
        /// gRPC to proxies; clients are spread over them.
        case proxies([HostPort], tls: Bool)
        /// Remoting to the brokers that these name servers know.
        case nameServers([HostPort])
    }

    /// Where a consumer without offset begins.
    package enum Start: String, Sendable, CaseIterable {
        case earliest, latest
    }

    package var work: Work
    package var target: Target
    /// Messages go to these topics in turn.
    package var topics: [String]
    /// The consumer group.
    package var group = "mqbench"
    /// Bytes of a body.
    package var messageBytes = 1_024
    /// Connections that send.
    package var producers = 8
    /// Connections that receive.
    package var consumers = 8
    /// Sends without an answer, per producer.
    package var inFlight = 32
    /// Messages per second of all producers together; nil is as fast as they are answered.
    package var ratePerSecond: Double?
    /// Measured time.
    package var durationMillis: Int64 = 10_000
    /// Time before, which is not measured.
    package var warmUpMillis: Int64 = 2_000
    /// Longest wait for what is under way at the end.
    package var drainMillis: Int64 = 10_000
    /// FIFO messages of so many message groups; 0 for none.
    package var fifoGroups = 0
    /// DELAY messages that are due so much later; 0 for none.
    package var delayMillis: Int64 = 0
    /// Messages asked for at once.
    package var batchSize = 32
    /// How long received messages stay invisible to others.
    package var invisibleMillis: Int64 = 60_000
    /// How long a receive waits at the server.
    package var pollMillis: Int64 = 5_000
    /// Where remoting consumers without an offset begin.
    package var start = Start.earliest
    /// Longest wait for an answer.
    package var timeoutMillis: Int64 = 5_000
    /// Servers to measure.
    package var meters: [ProcessMeter] = []

    /// Settings with the defaults.
    package init(work: Work, target: Target, topics: [String]) {
        self.work = work
        self.target = target
        self.topics = topics
    }

    var sends: Bool { work != .consume }
    var receives: Bool { work != .produce }

    /// What is wrong with the settings, for people; nil when nothing is.
    package var objection: String? {
        if topics.isEmpty { return "no topic is given" }
        if messageBytes < MessageStamp.bytesMin {
            return "--size \(messageBytes) is too small: a body carries \(MessageStamp.bytesMin) bytes of its own"
        }
        if messageBytes > 64 << 20 { return "--size \(messageBytes) is over 64 MB" }
        if sends, producers < 1 || producers > Int(UInt16.max) { return "--producers must be 1 to 65535" }
        if receives, consumers < 1 { return "--consumers must be at least 1" }
        if inFlight < 1 || inFlight > 100_000 { return "--in-flight must be 1 to 100000" }
        if let ratePerSecond, ratePerSecond <= 0 { return "--rate must be above 0" }
        if durationMillis < 1 { return "--duration must be above 0" }
        if fifoGroups > 0, delayMillis > 0 { return "a message is either FIFO or DELAY" }
        if batchSize < 1 || batchSize > 1_024 { return "--batch must be 1 to 1024" }
        return nil
    }
}
