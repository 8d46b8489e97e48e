import GRPCServer
import MessageModel
import NIOCore
import ProtoMessages

extension ProxyService {
    /// What has to be known when a pop's answer comes.
    struct PendingReceive {
        let call: GRPCCall
        let group: String
        let topic: TopicSnapshot
        var broker: BrokerTarget
        let filter: TagFilter?
        let attemptCountMax: Int32
        let isAutoRenew: Bool
        let startMillis: Int64
        /// Whether it is of lite topics.
        var isLite = false
    }

    func receiveMessage(_ message: UnsafeRawBufferPointer, _ call: GRPCCall) throws {
        let request = try ReceiveMessageRequestView(message, in: arena)
        let pollMillis = try self.pollMillis(request, call)
        try MessageValidation.checkTopic(request.topic.name)
        try MessageValidation.checkGroup(request.group.name)
        try checkInvisibleTime(request)
        let expression = try checkedExpression(request.filter)
        let loopTopic: LoopMetadata.Topic?
        do throws(ProxyError) {
            loopTopic = try topic(request.topic.name, for: message, call)
        } catch {
            // A client that polls a missing topic must not do so in a tight loop.
            return failLater(call, error, startMillis: context.clock.uptimeMillis())
        }
        guard let loopTopic else { return }
        guard let group = try group(request.group.name, for: message, call) else { return }
        let topic = loopTopic.snapshot
        guard let broker = chooseBroker(request.brokerName, loopTopic) else {
            metadata.refreshTopic(topic.name)
            return failLater(
                call, ProxyError(.forbidden, "no readable queue"), startMillis: context.clock.uptimeMillis())
        }
        if group.liteBindTopic != nil {
            return try receiveLite(
                request, group, topic, named: broker, pollMillis: pollMillis,
                invisibleMillis: invisibleMillis(request, group), call)
        }
        let isSQL = request.filter.type == .sql
        let filter = isSQL || expression == "*" ? nil : TagFilter(expression: expression)
        let pending = PendingReceive(
            call: call, group: group.name, topic: topic, broker: broker,
            filter: filter.flatMap { $0.matchesAll ? nil : $0 }, attemptCountMax: group.attemptCountMax,
            isAutoRenew: request.isAutoRenew, startMillis: context.clock.uptimeMillis())
        let pop = PopRequest(
            group: group.name, topic: topic, broker: broker, countMax: batchCount(request.batchSize),
            invisibleMillis: invisibleMillis(request, group), pollMillis: pollMillis, isSQL: isSQL,
            expression: expression, isOrdered: group.consumeMessageOrderly, attemptID: request.attemptID?.string,
            isAbandoned: { call.isClosed })
        deliveries.receives[ObjectIdentifier(call)] = call
        if topic.broker(named: request.brokerName) != nil || topic.readBrokers.count < 2 {
            backend.pop(pop) { [self] result in finish(pending, result) }
        } else {
            popAnywhere(pop, pending, loopTopic)
        }
        forgetMetadata(of: call)
    }

    /// Who the client is, is all that the answer still needs; thousands may wait here.
    func forgetMetadata(of call: GRPCCall) {
        if !call.isClosed { call.forgetMetadata(but: "x-mq-client-id") }
    }

    /// Pops for a client that does not mind where; when the broker cannot be reached, at another one.
    private func popAnywhere(_ pop: PopRequest, _ pending: PendingReceive, _ topic: LoopMetadata.Topic) {
        backend.pop(pop) { [self] result in
            guard case .failure(let error) = result, error.brokerTrouble == .gone, !pending.call.isClosed else {
                return finish(pending, result)
            }
            let now = context.clock.uptimeMillis()
            brokerHealth.note(error.brokerTrouble, pop.broker.name, nowMillis: now)
            topic.nextBroker &+= 1
            let other = brokerHealth.broker(
                topic.snapshot.readBrokers, start: topic.nextBroker & Int.max, butNot: pop.broker.name, nowMillis: now)
            // A call that waited at the broker until it died has had its time.
            guard let other, now - pending.startMillis < Self.failureHoldMillis else { return finish(pending, result) }
            var (pop, pending) = (pop, pending)
            pop.broker = other
            pending.broker = other
            backend.pop(pop) { [self] result in finish(pending, result) }
        }
    }

    // MARK: Reading the request

    /// How long to wait: what the client asks for, within our bounds and before its deadline.
    private func pollMillis(_ request: ReceiveMessageRequestView, _ call: GRPCCall) throws(ProxyError) -> Int64 {
        guard !isDraining else { return 0 }
        let limits = configuration.receiving
        let remaining = call.deadlineMillisRemaining
        // Half of the usual request time-out of clients, which is what they add to the poll for their deadline.
        let wanted = request.longPollingMillis ?? remaining.map { $0 - 1_500 } ?? limits.pollMillisMax
        let poll = min(max(wanted, limits.pollMillisMin), limits.pollMillisMax)
        guard let remaining, poll > remaining - limits.deadlineReserveMillis else { return poll }
        if remaining < limits.pollMillisMin, min(wanted, limits.pollMillisMax) > remaining || remaining < 1_000 {
            // Clients of old versions do not know the better code.
            let isOld = (call.metadata("x-mq-client-version") ?? "") < "5.0.3"
            throw ProxyError(
                isOld ? .badRequest : .illegalPollingTime,
                "The deadline time remaining is not enough for polling, please check network condition")
        }
        return max(1, remaining - limits.deadlineReserveMillis)
    }

    private func checkInvisibleTime(_ request: ReceiveMessageRequestView) throws(ProxyError) {
        let limits = configuration.receiving
        if request.isAutoRenew, limits.isAutoRenewEnabled { return }
        let millis = request.invisibleMillis ?? 0
        guard millis >= limits.invisibleMillisMin, millis <= limits.invisibleMillisMax else {
            throw ProxyError(
                .illegalInvisibleTime,
                "the invisible time \(millis) ms is not within \(limits.invisibleMillisMin) and "
                    + "\(limits.invisibleMillisMax) ms")
        }
    }

    /// For clients that want their messages kept invisible while they work: the time the group gives a handler. Nothing
    /// needs renewing then, and the first handle stays good at every proxy.
    private func invisibleMillis(_ request: ReceiveMessageRequestView, _ group: SubscriptionGroupConfig) -> Int64 {
        let limits = configuration.receiving
        guard request.isAutoRenew, limits.isAutoRenewEnabled else { return request.invisibleMillis ?? 0 }
        let consumeMillis = Int64(max(1, group.consumeTimeoutMinutes)) * 60_000
        return min(max(consumeMillis, limits.invisibleMillisMin), limits.invisibleMillisMax)
    }

    func checkedExpression(_ filter: FilterExpressionView) throws(ProxyError) -> String {
        if filter.type == .sql {
            if filter.expression.isBlank {
                throw ProxyError(.illegalFilterExpression, "the SQL expression is empty")
            }
            return filter.expression.string
        }
        if filter.expression.isBlank || filter.expression == "*" { return "*" }
        let text = filter.expression.string
        if TagFilter(expression: text).isEmpty || filter.expression.hasControlCharacter {
            throw ProxyError(.illegalFilterExpression, "the tag expression names no tag")
        }
        return text
    }

    func batchCount(_ wanted: Int32) -> Int32 {
        min(max(1, wanted), configuration.receiving.batchCountMax)
    }

    private func chooseBroker(_ name: ProtoText, _ topic: LoopMetadata.Topic) -> BrokerTarget? {
        let brokers = topic.snapshot.readBrokers
        if let named = brokers.first(where: { name == $0.name }) { return named }
        guard !brokers.isEmpty else { return nil }
        topic.nextBroker &+= 1
        return brokerHealth.broker(
            brokers, start: topic.nextBroker & Int.max, nowMillis: context.clock.uptimeMillis())
    }

    // MARK: Answering

    func finish(_ pending: PendingReceive, _ result: Result<PopAnswer, ProxyError>) {
        let call = pending.call
        deliveries.receives[ObjectIdentifier(call)] = nil
        switch result {
        case .failure(let error):
            brokerHealth.note(error.brokerTrouble, pending.broker.name, nowMillis: context.clock.uptimeMillis())
            metadata.refreshTopic(pending.topic.name)
            failLater(call, error, startMillis: pending.startMillis)
        case .success(let answer):
            switch answer.outcome {
            case .pollingFull:
                failLater(call, ProxyError(.tooManyRequests, "polling full"), startMillis: pending.startMillis)
            case .empty:
                failLater(
                    call, ProxyError(.messageNotFound, "no new message"), startMillis: pending.startMillis)
            case .found: deliver(answer, pending)
            }
        }
    }

    private static var failureHoldMillis: Int64 { 1_000 }

    /// Ends a receive that brought nothing, but not within its first second: clients poll again at once, some after a
    /// millisecond, whatever the code is.
    func failLater(_ call: GRPCCall, _ error: ProxyError, startMillis: Int64) {
        let elapsed = context.clock.uptimeMillis() - startMillis
        var hold = Self.failureHoldMillis - elapsed
        if let remaining = call.deadlineMillisRemaining { hold = min(hold, remaining - 200) }
        guard hold > 0 else { return fail(call, error) }
        let loop = eventLoop.assumeIsolated()
        loop.scheduleTask(in: .milliseconds(hold)) { [self] in fail(call, error) }
    }

    private func deliver(_ answer: PopAnswer, _ pending: PendingReceive) {
        var writer = DeliveryWriter(service: self, pending: pending, answer: answer)
        answer.bytes.withUnsafeReadableBytes { bytes in
            writer.addAll(bytes)
            writer.takeBack(bytes)
        }
        if writer.sentCount == 0 {
            return fail(pending.call, ProxyError(.messageNotFound, "no match message"))
        }
        pending.call.send { ResponseEncoder.deliveryTimestamp(millis: context.clock.wallMillis(), into: &$0) }
        pending.call.finish(.ok)
        inflater.trim()
    }
}
