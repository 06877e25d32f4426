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

    /// One thread computes, and gets the memory that it wants.
    @Test(arguments: [1, 8]) func oneThreadIsEnoughWhereNoMoreCanBeHad(threads: Int) throws {
        let wide = try BuiltCommand.run("score", Fixtures.path("mlp.npz"))
        // No more is left than one thread's share.
        let narrow = try BuiltCommand.shell(
            "ulimit -v 600000; exec \"$M\" score \"$1\" --threads $2", Fixtures.path("mlp.npz"), "\(threads)")
        #expect(narrow.status == 0 && narrow.errors.isEmpty, "\(narrow.errors)")
        #expect(narrow.text == wide.text)
    }

    /// Only users without privileges are bound by the limit.
    @Test func noProcessBesideThisOneIsNeeded() throws {
        let line = "ulimit -u 1; exec \"$M\" score --threads 4 - < \"$1\""
        let result = try BuiltCommand.shell(
            "if [ $(id -u) = 0 ]; then chmod a+x \"$M\"; exec setpriv --reuid 65534 --clear-groups bash -c '\(line)' bash \"$1\"; else \(line); fi",
            Fixtures.path("mlp.npz"))
        // The user may not reach the command.
        guard result.status < 126 else { return }
        #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
    }

    /// A list grows while it is read: Swift's arrays would trap where they get no memory.
    @Test func aListThatOutgrowsTheMemoryIsOneLine() throws {
        let result = try BuiltCommand.shell(
            """
            ulimit -v 250000
            (printf '{"schema": "modinspect.cluster/1", "layers": [{"layer": "fc2.weight", "k": 4, "out": [0'
            yes ',1' | head -c 50000000 | tr -d '\\n'
            printf '], "in": [0,1]}]}') | "$M" score "$1" --clusters -
            """, Fixtures.path("mlp.npz"))
        #expect(result.status == 1 && result.output.isEmpty)
        #expect(
            result.errors.hasPrefix("modinspect: not enough memory, expected ") && result.errors.split(separator: "\n").count == 1,
            "\(result.errors)")
    }
}
