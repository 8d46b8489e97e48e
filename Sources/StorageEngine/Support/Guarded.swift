import Glibc

/// A value behind a mutex with condition variables: every store thread parks on one of these.
///
/// Each kind of waiter has a condition of its own (by number), so that a signal wakes only those it is meant for.
// The mutex protects `state`; the pointers never change.
final class Guarded<State>: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let conditions: UnsafeMutablePointer<pthread_cond_t>
    private let conditionCount: Int
    private var state: State

    init(_ state: State, conditionCount: Int = 1) {
        self.state = state
        self.conditionCount = conditionCount
        conditions = .allocate(capacity: conditionCount)
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        for index in 0..<conditionCount { pthread_cond_init(condition(index), &attributes) }
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        for index in 0..<conditionCount { pthread_cond_destroy(condition(index)) }
        pthread_mutex_destroy(mutex)
        conditions.deallocate()
        mutex.deallocate()
    }

    private func condition(_ index: Int) -> UnsafeMutablePointer<pthread_cond_t> {
        precondition(index >= 0 && index < conditionCount, "no such condition")
        return conditions + index
    }

    /// Runs `body` alone. It must call nothing that waits and no foreign closure.
    @inline(__always)
    func withLock<Result, Failure: Error>(_ body: (inout State) throws(Failure) -> Result) throws(Failure) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&state)
    }

    /// Wakes every thread that waits on a condition.
    func signal(_ index: Int = 0) {
        pthread_cond_broadcast(condition(index))
    }

    /// Wakes every thread in `wait`.
    func signalAll() {
        for index in 0..<conditionCount { signal(index) }
    }

    /// Runs `body` alone after each signal of a condition until it gives a value, or until the time is over (then nil).
    func wait<Result>(on index: Int = 0, timeoutMillis: Int64? = nil, until body: (inout State) -> Result?) -> Result? {
        let condition = condition(index)
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        guard let timeoutMillis else {
            while true {
                if let result = body(&state) { return result }
                pthread_cond_wait(condition, mutex)
            }
        }
        var deadline = timespec()
        clock_gettime(CLOCK_MONOTONIC, &deadline)
        deadline.tv_sec += Int(timeoutMillis / 1000)
        deadline.tv_nsec += Int(timeoutMillis % 1000) * 1_000_000
        if deadline.tv_nsec >= 1_000_000_000 {
            deadline.tv_sec += 1
            deadline.tv_nsec -= 1_000_000_000
        }
        while true {
            if let result = body(&state) { return result }
            if pthread_cond_timedwait(condition, mutex, &deadline) == ETIMEDOUT { return body(&state) }
        }
    }
}
