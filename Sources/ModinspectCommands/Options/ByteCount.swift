import ArgumentParser
import Text

/// A number of bytes as an option gives it: `500M`, `2G`, `1.5Gi`.
struct ByteCount: Equatable {
    let bytes: Int
    /// As it was given.
    let text: String

    init(_ text: String) throws {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        var unit = text.dropFirst(digits.count).lowercased()
        if unit.hasSuffix("b") { unit.removeLast() }
        let base = unit.hasSuffix("i") ? 1024.0 : 1000
        if unit.hasSuffix("i") { unit.removeLast() }
        guard let number = Double(decimal: digits), let power = ["", "k", "m", "g", "t"].firstIndex(of: unit), base == 1000 || power > 0,
            case let bytes = (0..<power).reduce(number, { value, _ in value * base }), bytes >= 1, bytes < 1e18
        else {
            throw ValidationError("expected a number of bytes such as 500M, 2G or 2Gi, found '\(text)'")
        }
        self.bytes = Int(bytes)
        self.text = text
    }

    /// Checks that a limit of memory leaves a worker enough to start.
    func checkIsEnoughForAProcess() throws {
        if bytes < Self.leastForAProcess {
            throw ValidationError("--memory must be at least 16M, which a process needs to start, found '\(text)'")
        }
    }

    /// A worker without a checkpoint has 3 to 6 MB, depending on the C library and on how the program was built.
    private static let leastForAProcess = 16_000_000
}
