import TestSupport
import Testing

/// Where the system has less to give than a command wants.
struct LimitTests {
    /// OpenBLAS's own threads get no memory here, and must not be waited for.
    @Test func littleAddressSpaceIsEnoughToListTensors() throws {
        let result = try BuiltCommand.shell("ulimit -v 200000; exec \"$M\" info \"$1\"", Fixtures.path("mlp.npz"))
        #expect(result.status == 0 && result.text.contains("npz"))
    }

    @Test func memoryThatIsNotToBeHadIsOneLine() throws {
        let result = try BuiltCommand.shell("ulimit -v 300000; exec \"$M\" init mlp:20000-20000-10 -o - > /dev/null")
        #expect(result.status == 1)
        #expect(result.errors.hasPrefix("modinspect: ") && result.errors.contains("memory"))
        #expect(result.errors.split(separator: "\n").count == 1)
    }
}
