/// Names of message properties that have a meaning to the system.
package enum PropertyName {
    package static let keys = "KEYS"
    package static let tags = "TAGS"
    package static let waitStored = "WAIT"
    package static let delayLevel = "DELAY"
    package static let retryTopic = "RETRY_TOPIC"
    package static let realTopic = "REAL_TOPIC"
    package static let realQueueId = "REAL_QID"
    package static let transactionPrepared = "TRAN_MSG"
    package static let producerGroup = "PGROUP"
    package static let minOffset = "MIN_OFFSET"
    package static let maxOffset = "MAX_OFFSET"
    package static let buyerId = "BUYER_ID"
    package static let originMessageId = "ORIGIN_MESSAGE_ID"
    package static let transferFlag = "TRANSFER_FLAG"
    package static let correctionFlag = "CORRECTION_FLAG"
    package static let mq2Flag = "MQ2_FLAG"
    package static let reconsumeTime = "RECONSUME_TIME"
    package static let region = "MSG_REGION"
    package static let traceOn = "TRACE_ON"
    package static let uniqueKey = "UNIQ_KEY"
    package static let extendUniqueInfo = "EXTEND_UNIQ_INFO"
    package static let maxReconsumeTimes = "MAX_RECONSUME_TIMES"
    package static let consumeStartTime = "CONSUME_START_TIME"
    package static let innerCount = "INNER_NUM"
    package static let innerBase = "INNER_BASE"
    package static let dupInfo = "DUP_INFO"
    package static let checkImmunitySeconds = "CHECK_IMMUNITY_TIME_IN_SECONDS"
    package static let transactionPreparedQueueOffset = "TRAN_PREPARED_QUEUE_OFFSET"
    package static let transactionId = "__transactionId__"
    package static let transactionCheckTimes = "TRANSACTION_CHECK_TIMES"
    package static let instanceId = "INSTANCE_ID"
    package static let correlationId = "CORRELATION_ID"
    package static let replyToClient = "REPLY_TO_CLIENT"
    package static let timeToLive = "TTL"
    package static let replyArriveTime = "ARRIVE_TIME"
    package static let pushReplyTime = "PUSH_REPLY_TIME"
    package static let cluster = "CLUSTER"
    package static let messageType = "MSG_TYPE"
    package static let popCheckpoint = "POP_CK"
    package static let popCheckpointOffset = "POP_CK_OFFSET"
    package static let firstPopTime = "1ST_POP_TIME"
    package static let shardingKey = "__SHARDINGKEY"
    package static let forwardQueueId = "PROPERTY_FORWARD_QUEUE_ID"
    package static let redirect = "REDIRECT"
    package static let innerMultiDispatch = "INNER_MULTI_DISPATCH"
    package static let innerMultiQueueOffset = "INNER_MULTI_QUEUE_OFFSET"
    package static let traceContext = "TRACE_CONTEXT"
    package static let timerDelaySeconds = "TIMER_DELAY_SEC"
    package static let timerDelayMillis = "TIMER_DELAY_MS"
    package static let timerDeliverMillis = "TIMER_DELIVER_MS"
    package static let timerOutMillis = "TIMER_OUT_MS"
    package static let timerEnqueueMillis = "TIMER_ENQUEUE_MS"
    package static let timerDequeueMillis = "TIMER_DEQUEUE_MS"
    package static let timerRollTimes = "TIMER_ROLL_TIMES"
    package static let timerDeleteUniqueKey = "TIMER_DEL_UNIQKEY"
    package static let timerDelayLevel = "TIMER_DELAY_LEVEL"
    package static let bornHost = "__BORNHOST"
    package static let bornTimestamp = "BORN_TIMESTAMP"
    package static let crc32 = "__CRC32#"
    package static let dlqOriginTopic = "DLQ_ORIGIN_TOPIC"
    package static let dlqOriginMessageId = "DLQ_ORIGIN_MESSAGE_ID"
    package static let priority = "_SYS_MSG_PRIORITY_"
    package static let liteTopic = "__LITE_TOPIC"
    /// Names with this prefix are never stored.
    package static let transientPrefix = "__RMQ.TRANSIENT."

    /// The properties that make a message a delayed one.
    package static let delays = [delayLevel, timerDeliverMillis, timerDelaySeconds, timerDelayMillis]

    /// What the timer leaves on a message that it delivered; a message with them is not delayed by a time again.
    package static let timerTraces = [
        timerOutMillis, timerEnqueueMillis, timerDequeueMillis, timerRollTimes, timerDeleteUniqueKey,
    ]

    /// Names a sender may not use for properties of its own.
    package static let reserved: Set<String> = [
        traceOn, region, keys, tags, waitStored, delayLevel, retryTopic, realTopic, realQueueId, transactionPrepared,
        producerGroup, minOffset, maxOffset, buyerId, originMessageId, transferFlag, correctionFlag, mq2Flag,
        reconsumeTime, uniqueKey, maxReconsumeTimes, consumeStartTime, popCheckpoint, popCheckpointOffset, firstPopTime,
        transactionPreparedQueueOffset, dupInfo, extendUniqueInfo, instanceId, correlationId, replyToClient, timeToLive,
        replyArriveTime, pushReplyTime, cluster, messageType, innerMultiQueueOffset, timerDelayMillis,
        timerDelaySeconds, timerDeliverMillis, timerEnqueueMillis, timerDequeueMillis, timerRollTimes, timerOutMillis,
        timerDeleteUniqueKey, timerDelayLevel, bornHost, bornTimestamp, dlqOriginTopic, dlqOriginMessageId, crc32,
        priority, liteTopic,
    ]
}
