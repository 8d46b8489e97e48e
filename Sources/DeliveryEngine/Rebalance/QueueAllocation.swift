/// How the members of a group share queues among themselves. Every member computes the same from the same sorted lists.
package enum QueueAllocation: String, Sendable {
    /// Neighbouring queues go to one member.
    case averagely = "AVG"
    /// Queues are dealt out in turn.
    case byCircle = "AVG_BY_CIRCLE"

    /// The indices of the queues of one member; none when it is not among the members.
    package func share(queueCount: Int, member: Int, memberCount: Int) -> [Int] {
        guard member >= 0, member < memberCount, queueCount > 0 else { return [] }
        switch self {
        case .byCircle:
            return Array(stride(from: member, to: queueCount, by: memberCount))
        case .averagely:
            // The first members take one more when it does not come out even.
            let (size, rest) = queueCount.quotientAndRemainder(dividingBy: memberCount)
            let start = member * size + min(member, rest)
            return Array(start..<(start + size + (member < rest ? 1 : 0)))
        }
    }

    /// The queues of a member of a group that pops with `shared` members besides on each queue (`consume.md` 4): its own
    /// and those of the next members. With more members than queues each gets one.
    package func popShare(queueCount: Int, member: Int, memberCount: Int, shared: Int) -> [Int] {
        guard member >= 0, member < memberCount, queueCount > 0 else { return [] }
        guard memberCount <= queueCount else { return [member % queueCount] }
        var queues: [Int] = []
        for step in 0...max(0, shared) {
            let other = (member + step) % memberCount
            for queue in share(queueCount: queueCount, member: other, memberCount: memberCount)
            where !queues.contains(queue) {
                queues.append(queue)
            }
        }
        return queues
    }
}
