import TestSupport
import Testing

/// What takes long by nature is announced before it begins, so that silence is not mistaken for a hang.
@Suite struct LongRunTests {
    /// What a command says of it: the command is ended as soon as it has said so, or by itself. The runner of the tests blocks the gentler signals.
    private func announcement(_ command: String) throws -> String {
        try TemporaryFolder.with { folder in
            let result = try BuiltCommand.shell(
                """
                cd "$1"
                "$M" init modadd:100 -o m.tar --quiet
                "$M" cluster m.tar --quiet --method contiguous -k 4 --format tsv > clusters
                mkfifo notes
                "$M" $2 > result 2> notes & process=$!
                grep -m 1 'takes a while' notes
                kill -KILL $process 2> /dev/null
                wait $process 2> /dev/null
                """, folder, command)
            return result.text
        }
    }

    @Test(arguments: [
        ("circuit m.tar --method prune --data modadd:100", "weights are tried on"),
        ("ablate m.tar --data modadd:100 --clusters clusters --control 20", "interventions on 10,000 samples"),
    ])
    func aLongRunSaysSoBeforeItBegins(command: String, work: String) throws {
        let line = try announcement(command)
        #expect(line.hasPrefix("modinspect: note: m.tar: ") && line.contains(work), "\(line)")
        #expect(line.hasSuffix("; this takes a while; --limit uses fewer samples, --progress shows progress\n"), "\(line)")
    }

    @Test(arguments: [
        "circuit m.tar --method prune --data modadd:100 --limit 20 --control 0",
        "ablate m.tar --data modadd:100 --clusters clusters --limit 20",
    ])
    func aShortRunSaysNothingOfTheKind(command: String) throws { #expect(try announcement(command).isEmpty) }
}
