import TestSupport
import Testing

/// Runs on systems with fewer resources than a command needs.
struct LimitTests {
    /// OpenBLAS's own threads get no memory here; waiting for them would never end.
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

    /// One thread computes, and it gets the memory that it needs.
    @Test(arguments: [1, 8]) func oneThreadIsEnoughWhereNoMoreCanBeHad(threads: Int) throws {
        let wide = try BuiltCommand.run("score", Fixtures.path("mlp.npz"))
        // Only one thread's share is left.
        let narrow = try BuiltCommand.shell(
            "ulimit -v 600000; exec \"$M\" score \"$1\" --threads $2", Fixtures.path("mlp.npz"), "\(threads)")
        #expect(narrow.status == 0 && narrow.errors.isEmpty, "\(narrow.errors)")
        #expect(narrow.text == wide.text)
    }

    /// The limit applies only to unprivileged users.
    @Test func noProcessBesideThisOneIsNeeded() throws {
        let line = "ulimit -u 1; exec \"$M\" score --threads 4 - < \"$1\""
        let result = try BuiltCommand.shell(
            "if [ $(id -u) = 0 ]; then chmod a+x \"$M\"; exec setpriv --reuid 65534 --clear-groups bash -c '\(line)' bash \"$1\"; else \(line); fi",
            Fixtures.path("mlp.npz"))
        // The user may have no access to the command.
        guard result.status < 126 else { return }
        #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
    }

    /// A list grows while it is read: Swift's arrays would trap if they got no memory.
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
