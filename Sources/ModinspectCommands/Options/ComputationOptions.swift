import ArgumentParser
import Glibc

/// The seed of a computation and the limit of its threads.
struct ComputationOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The seed of every random choice.", valueName: "n"), transform: { try Seed.number($0) })
    var seed: UInt64 = 0

    @Option(help: ArgumentHelp("The maximum number of cores to use; the result does not depend on it.", valueName: "n"))
    var threads: Int?

    mutating func validate() throws {
        if let threads, !(1...4096).contains(threads) { throw ValidationError("--threads must be between 1 and 4096") }
    }

    /// The cores to use: those that were requested, or all that are online.
    var threadCount: Int { threads ?? max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }
}

/// The value of `--seed`.
enum Seed {
    /// A negative number is read as the unsigned number with the same 64 bits, as in PyTorch: -1 is 18446744073709551615.
    static func number(_ text: String) throws -> UInt64 {
        if let number = UInt64(text) { return number }
        if let number = Int64(text) { return UInt64(bitPattern: number) }
        throw ValidationError("expected a whole number from \(Int64.min) to \(UInt64.max), found '\(text)'")
    }
}
