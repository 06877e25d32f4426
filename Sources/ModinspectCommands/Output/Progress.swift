import Glibc
import Synchronization
import Text

/// A bar on standard error with the rate and the time left; on a terminal it stays on one line.
final class Progress: Sendable {
    private struct State {
        var done = 0
        var shown = 0.0
        var isDrawn = false
        var isFinished = false
        /// The text after the bar.
        var remark = ""
    }

    private let label: String
    private let total: Int
    private let unit: String
    private let first: Int
    private let isShown: Bool
    private let isTerminal: Bool
    private let start: Double
    private let state: Mutex<State>

    /// - Parameters:
    ///   - label: what is being done.
    ///   - total: how many `unit`s there are.
    ///   - unit: `bytes` is shown in larger units where that suits; empty for a share, which has no rate.
    ///   - first: how many were done before.
    init(_ label: String, total: Int, unit: String, after first: Int = 0, isShown: Bool) {
        self.label = label
        self.total = total
        self.unit = unit
        self.first = first
        self.isShown = isShown && total > 0
        isTerminal = isatty(STDERR_FILENO) == 1
        start = Self.now()
        state = Mutex(State(done: first))
    }

    static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Counts `amount` more as done; draws at most ten times a second on a terminal and once a second elsewhere.
    func advance(by amount: Int = 1) { update(remark: { nil }, done: { $0 + amount }) }

    /// The same, with a few words about the current state, computed when they are drawn.
    func advance(by amount: Int = 1, _ remark: () -> String) { update(remark: remark, done: { $0 + amount }) }

    /// Sets how much is done as a fraction of the whole; never goes back.
    func set(fraction: Double) {
        let done = Int(min(1, max(0, fraction)) * Double(total))
        update(remark: { nil }, done: { max($0, done) })
    }

    private func update(remark: () -> String?, done: (Int) -> Int) {
        guard isShown else { return }
        state.withLock { state in
            state.done = done(state.done)
            let now = Self.now()
            guard now - state.shown >= (isTerminal ? 0.1 : 1), now - start > 0.3 else { return }
            state.shown = now
            state.isDrawn = true
            if let words = remark() { state.remark = words }
            draw(state, elapsed: now - start, isLast: false)
        }
    }

    /// Takes the bar away from a terminal, or writes the last line elsewhere.
    func finish() {
        guard isShown else { return }
        state.withLock { state in
            guard !state.isFinished else { return }
            state.isFinished = true
            if isTerminal {
                if state.isDrawn { Self.write("\r\u{1B}[K") }
            } else {
                draw(state, elapsed: Self.now() - start, isLast: true)
            }
            state.isDrawn = false
        }
    }

    private func amount(_ value: Double) -> String {
        if unit == "bytes" { return ByteText.size(Int(value)) }
        return (value < 10 && value != value.rounded() ? "\((value * 10).rounded() / 10)" : "\(Int(value))") + " " + unit
    }

    private func draw(_ state: State, elapsed: Double, isLast: Bool) {
        let done = state.done
        let share = min(1, Double(done) / Double(total))
        let columns = (TextWidth.terminal(STDERR_FILENO) ?? 80) - 1
        let width = state.remark.isEmpty && columns >= 60 ? 20 : 8
        let filled = Int(share * Double(width))
        let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: width - filled)
        let rate = Double(done - first) / max(elapsed, 1e-9)
        let left = rate > 0 ? Int((Double(max(0, total - done)) / rate).rounded(.up)) : 0
        let time = left >= 3600 ? "\(left / 3600) h \(left % 3600 / 60) min" : left >= 60 ? "\(left / 60) min \(left % 60) s" : "\(left) s"
        var parts = ["\(label) [\(bar)] \(Int(share * 100))%"]
        if !unit.isEmpty { parts.append("\(amount(rate))/s") }
        if !isLast { parts.append("\(time) left") }
        if !state.remark.isEmpty { parts.append(state.remark) }
        // A line that wraps to the next row could not be drawn over.
        while parts.count > 1, parts.reduce(-2, { $0 + TextWidth.of($1) + 2 }) > columns { parts.removeLast() }
        let line = parts.joined(separator: ", ")
        Self.write(isTerminal ? "\r\(line)\u{1B}[K" : line + "\n")
    }

    private static func write(_ text: String) {
        var text = text
        text.withUTF8 { _ = Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
