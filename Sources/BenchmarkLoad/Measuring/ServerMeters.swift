/// What the servers under load cost between two moments.
struct ServerMeters {
    private let meters: [ProcessMeter]
    private var first: [ProcessMeter.Reading?] = []
    private var last: [ProcessMeter.Reading?] = []

    init(_ meters: [ProcessMeter]) {
        self.meters = meters
    }

    mutating func begin() {
        first = meters.map { $0.read() }
    }

    mutating func end() {
        last = meters.map { $0.read() }
    }

    /// The cost of each server that lived all the time, for so many messages.
    func costs(messages: Int) -> [LoadReport.ServerCost] {
        zip(meters, zip(first, last)).compactMap { meter, readings in
            guard let first = readings.0, let last = readings.1 else { return nil }
            let seconds = last.cpuSeconds - first.cpuSeconds
            return LoadReport.ServerCost(
                name: meter.name, pid: meter.pid, cpuSeconds: seconds,
                cpuSecondsPer100k: messages > 0 ? seconds / Double(messages) * 100_000 : nil,
                anonymousBytes: last.anonymousBytes, residentBytes: last.residentBytes)
        }
    }
}
