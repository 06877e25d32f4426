import CProcess
import Glibc
import Synchronization

/// The signal that requested the end, or 0. A signal handler can access only global variables.
private let received = Atomic<Int32>(0)

/// SIGINT, SIGTERM and SIGHUP while a run must not be lost: the first one is remembered, a second ends the process at once.
struct StopSignals {
    private static let signals = [SIGINT, SIGTERM, SIGHUP]

    /// From now on the first signal is remembered, except for one that was ignored already, as in a shell's background.
    static func watch() {
        for signal in signals {
            var action = sigaction()
            sigaction(signal, nil, &action)
            if unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self) { continue }
            action = sigaction()
            action.__sigaction_handler.sa_handler = {
                received.store($0, ordering: .relaxed)
                cprocess_clean_on($0)
            }
            action.sa_flags = SA_RESTART
            sigaction(signal, &action, nil)
            // A parent with threads may have left it blocked.
            var alone = sigset_t()
            sigemptyset(&alone)
            sigaddset(&alone, signal)
            pthread_sigmask(SIG_UNBLOCK, &alone, nil)
        }
    }

    /// Whether a signal came.
    static var haveCome: Bool { received.load(ordering: .relaxed) != 0 }

    /// Ends the process as the signal would have, so that a shell's loop ends too; returns where none came.
    static func finish() {
        let signal = received.load(ordering: .relaxed)
        guard signal != 0 else { return }
        Glibc.signal(signal, SIG_DFL)
        raise(signal)
    }
}
